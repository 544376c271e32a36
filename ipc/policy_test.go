package ipc_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

func rules(t *testing.T, rs ...ipc.Rule) *ipc.Rules {
	t.Helper()
	p, err := ipc.NewRules(rs...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSameUser(t *testing.T) {
	me := os.Geteuid()
	for uid, want := range map[int]bool{me: true, 0: true, me + 1: false, 65534: me == 65534} {
		grant, err := ipc.SameUser{}.Admit(&ipc.Peer{UID: uid, Name: "n", Role: "r"})
		if (err == nil) != want || err != nil && !errors.Is(err, router.ErrDenied) {
			t.Errorf("uid %d: %v", uid, err)
		}
		if err == nil && (grant.Name != "n" || grant.Role != "r" || grant.Authorize != nil) {
			t.Errorf("uid %d: %+v", uid, grant)
		}
	}
}

func TestRulesDescribePeers(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	me := ipc.Peer{PID: os.Getpid(), UID: 1000, GID: 100, Role: "collector"}
	for _, tc := range []struct {
		name string
		rule ipc.Rule
		want bool
	}{
		{"everybody", ipc.Rule{}, true},
		{"uid", ipc.Rule{UIDs: []int{1, 1000}}, true},
		{"another uid", ipc.Rule{UIDs: []int{0}}, false},
		{"gid", ipc.Rule{GIDs: []int{100}}, true},
		{"another gid", ipc.Rule{GIDs: []int{1000}}, false},
		{"pid", ipc.Rule{PIDs: []int{me.PID}}, true},
		{"another pid", ipc.Rule{PIDs: []int{me.PID + 1}}, false},
		{"executable", ipc.Rule{Executables: []string{"/bin/false", exe}}, true},
		{"another executable", ipc.Rule{Executables: []string{"/bin/false"}}, false},
		{"role", ipc.Rule{Roles: []string{"collector"}}, true},
		{"another role", ipc.Rule{Roles: []string{"agent"}}, false},
		{"all of them", ipc.Rule{UIDs: []int{1000}, GIDs: []int{100}, PIDs: []int{me.PID}, Executables: []string{exe}, Roles: []string{"collector"}}, true},
		{"all but the role", ipc.Rule{UIDs: []int{1000}, GIDs: []int{100}, PIDs: []int{me.PID}, Executables: []string{exe}, Roles: []string{"agent"}}, false},
	} {
		_, err := rules(t, tc.rule).Admit(&me)
		if (err == nil) != tc.want || err != nil && !errors.Is(err, router.ErrDenied) {
			t.Errorf("%s: %v, want admitted %t", tc.name, err, tc.want)
		}
	}
}

func TestRulesAddUp(t *testing.T) {
	grant, err := rules(t,
		ipc.Rule{Publish: []string{"events.a.#"}, Subscribe: []string{"events.+"}, PublishRate: 10},
		ipc.Rule{Roles: []string{"boss"}, Publish: []string{"control.#"}, Request: []string{"control.x"}, PublishRate: 20},
		ipc.Rule{Roles: []string{"other"}, Publish: []string{"#"}, PublishRate: 30},
	).Admit(&ipc.Peer{Role: "boss"})
	if err != nil || grant.PublishRate != 20 {
		t.Fatalf("%+v, %v", grant, err)
	}
	for _, tc := range []struct {
		op    router.Op
		topic string
		want  bool
	}{
		{router.OpPublish, "events.a", true},
		{router.OpPublish, "events.a.b", true},
		{router.OpPublish, "events.b", false},
		{router.OpPublish, "control.y", true},
		{router.OpSubscribe, "events.a", true},
		{router.OpSubscribe, "events.+", true},
		{router.OpSubscribe, "events.#", false},
		{router.OpSubscribe, "#", false},
		{router.OpRequest, "control.x", true},
		{router.OpRequest, "control.y", false},
		{router.OpRespond, "control.x", false},
	} {
		err := grant.Authorize(tc.op, tc.topic)
		if (err == nil) != tc.want || err != nil && !errors.Is(err, router.ErrDenied) {
			t.Errorf("%s %s: %v, want granted %t", tc.op, tc.topic, err, tc.want)
		}
	}
}

func TestBadRule(t *testing.T) {
	_, err := ipc.NewRules(ipc.Rule{}, ipc.Rule{Respond: []string{"a.#.b"}})
	if !errors.Is(err, router.ErrPattern) || !strings.Contains(err.Error(), "rule 2: respond") {
		t.Error(err)
	}
}

// TestDenied asks for everything that policy does not grant: each refusal reaches
// who asked, is counted, and ends nothing.
func TestDenied(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{Policy: rules(t,
		ipc.Rule{Publish: []string{"events.#", pairTopic}, Subscribe: []string{"events.#", pairTopic}},
	)})
	others := s.newPair(t)
	told := make(chan error, 1)
	c := s.dial(t, ipc.ClientOptions{OnError: func(err error) { told <- err }})
	denied := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, router.ErrDenied) || !strings.Contains(err.Error(), "may not") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := publisher(t, c, "control.agent.policy").Publish(nil); err != nil {
		t.Fatal(err)
	}
	denied("publish", <-told)
	if err := c.Publish(t.Context(), router.Outgoing{Topic: "alerts.high"}); err != nil {
		t.Fatal(err)
	}
	denied("publish", <-told)
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
	p.expectError(router.PublishID|9, frame.CodeDenied, false)
	others.check()
	s.settled(t)
}

// TestNotAdmitted is a handshake that policy refuses.
func TestNotAdmitted(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{Policy: rules(t, ipc.Rule{Roles: []string{"friend"}})})
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

// TestControlIsTheAgents has a policy of an agent: its own process may say what
// it likes below control, a child of it may not, and a child that is not known
// may not even connect.
func TestControlIsTheAgents(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{Policy: rules(t,
		ipc.Rule{PIDs: []int{os.Getpid()}, Publish: []string{"#"}, Subscribe: []string{"#"}},
		ipc.Rule{Roles: []string{"collector"}, Publish: []string{"events.#"}, Subscribe: []string{"control.#"}},
	)})
	spawn(t, "whoami", s.path, "collector", "control.#").expect("welcome")
	spawn(t, "whoami", s.path, "collector", "events.#").expect("subscribe: subscribe: peer says: policy denies it")
	spawn(t, "whoami", s.path, "agent", "#").expect("refused: ipc: handshake")
	subscribe(t, s.dial(t, ipc.ClientOptions{}), router.Subscription{Patterns: []string{"#"}})
}

// TestRefusedBeforeHello holds that who can be judged by its user alone is
// refused at once, and takes no place.
func TestRefusedBeforeHello(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{MaxConnections: 1, Policy: rules(t, ipc.Rule{UIDs: []int{os.Geteuid() + 1}, Publish: []string{"#"}})})
	for range 3 {
		p := s.knock(t)
		p.expectError(0, frame.CodeDenied, true)
		p.expectEnd(frame.CodeDenied)
	}
	s.refused(t, frame.CodeDenied, 3)
	for name, p := range map[string]ipc.EarlyPolicy{
		"same user":    ipc.SameUser{},
		"rules":        rules(t, ipc.Rule{UIDs: []int{1000}, Roles: []string{"x"}}, ipc.Rule{GIDs: []int{0}}),
		"rule for all": rules(t, ipc.Rule{Roles: []string{"x"}}),
	} {
		want := map[string]error{"same user": router.ErrDenied, "rules": router.ErrDenied}[name]
		if err := p.Refuse(&ipc.Peer{UID: os.Geteuid() + 1, GID: 1}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}
