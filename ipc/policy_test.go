package ipc_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/endpoint"
)

func rules(t *testing.T, rs ...policy.Rule) *policy.Rules {
	t.Helper()
	p, err := policy.NewRules(rs...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestDenied asks for everything that policy does not grant: each refusal reaches the
// client that asked, is counted, and ends nothing.
func TestDenied(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{Policy: rules(t,
		policy.Rule{Rights: policy.Rights{Publish: []string{"events.#", pairTopic}, Subscribe: []string{"events.#", pairTopic}}},
	)})
	others := s.newPair(t)
	reported := make(chan error, 1)
	c := s.dial(t, ipc.ClientOptions{OnError: func(err error) { reported <- err }})
	denied := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, router.ErrDenied) || !strings.Contains(err.Error(), "may not") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := publisher(t, c, "control.agent.policy").Publish(nil); err != nil {
		t.Fatal(err)
	}
	denied("publish", <-reported)
	if err := c.Publish(t.Context(), router.Outgoing{Topic: "alerts.high"}); err != nil {
		t.Fatal(err)
	}
	denied("publish", <-reported)
	_, err := c.Subscribe(t.Context(), router.Subscription{Patterns: []string{"events.a", "control.#"}})
	denied("subscribe", err)
	_, err = c.Subscribe(t.Context(), router.Subscription{Patterns: []string{"#"}})
	denied("subscribe to everything", err)
	_, err = c.Request(t.Context(), "control.x", nil)
	denied("request", err)
	_, err = c.Respond(t.Context(), "events.x", func(context.Context, *router.Request) ([]byte, error) { return nil, nil })
	denied("respond", err)
	s.refused(t, frame.CodeDenied, 6)
	p := s.greet(t)
	p.send(message(9, "control.a", ""))
	p.expectError(endpoint.PublishID|9, frame.CodeDenied, false)
	others.check()
	s.settled(t)
}

// TestNotAdmitted is a handshake that policy refuses.
func TestNotAdmitted(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{Policy: rules(t, policy.Rule{Roles: []string{"friend"}})})
	p := s.knock(t)
	p.send(hello(frame.Hello{Version: 1, Role: "stranger"}))
	if e := p.expectError(0, frame.CodeDenied, true); !strings.Contains(e.Text, "stranger") {
		t.Errorf("%q does not say who", e.Text)
	}
	p.expectEnd(frame.CodeDenied)
	_, err := ipc.Dial(t.Context(), s.path)
	var op *ipc.OpError
	if !errors.As(err, &op) || op.Op != "handshake" || !errors.Is(err, router.ErrDenied) {
		t.Errorf("%v", err)
	}
	s.refused(t, frame.CodeDenied, 2)
	s.dial(t, ipc.ClientOptions{Role: "friend"})
}

// TestControlIsTheAgents has a policy of an agent: its own process may publish anything
// below control, a child of it may not, and a child that is not known may not even
// connect.
func TestControlIsTheAgents(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{Policy: rules(t,
		policy.Rule{PIDs: []int{os.Getpid()}, Rights: policy.Rights{Publish: []string{"#"}, Subscribe: []string{"#"}}},
		policy.Rule{Roles: []string{"collector"}, Rights: policy.Rights{Publish: []string{"events.#"}, Subscribe: []string{"control.#"}}},
	)})
	spawn(t, "whoami", s.path, "collector", "control.#").expect("welcome")
	spawn(t, "whoami", s.path, "collector", "events.#").expect("subscribe: subscribe: policy denies it")
	spawn(t, "whoami", s.path, "agent", "#").expect("refused: ipc: handshake")
	subscribe(t, s.dial(t, ipc.ClientOptions{}), router.Subscription{Patterns: []string{"#"}})
}

// TestRefusedBeforeHello holds that a peer that can be judged by its user alone is refused
// at once, and takes no place.
func TestRefusedBeforeHello(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{MaxConnections: 1, Policy: rules(t, policy.Rule{UIDs: []int{os.Geteuid() + 1}, Rights: policy.Rights{Publish: []string{"#"}}})})
	for range 3 {
		p := s.knock(t)
		p.expectError(0, frame.CodeDenied, true)
		p.expectEnd(frame.CodeDenied)
	}
	s.refused(t, frame.CodeDenied, 3)
	for name, p := range map[string]policy.EarlyPolicy{
		"same user":    policy.SameUser{},
		"rules":        rules(t, policy.Rule{UIDs: []int{1000}, Roles: []string{"x"}}, policy.Rule{GIDs: []int{0}}),
		"rule for all": rules(t, policy.Rule{Roles: []string{"x"}}),
	} {
		want := map[string]error{"same user": router.ErrDenied, "rules": router.ErrDenied}[name]
		if err := p.Refuse(&policy.Peer{UID: os.Geteuid() + 1, GID: 1}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}
