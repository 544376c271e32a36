package agent_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router"
)

// TestACollectorIsHeldToItsOwnTopics runs a collector that publishes elsewhere,
// and claims of itself that it is an operator.
func TestACollectorIsHeldToItsOwnTopics(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("rogue")})
	client := r.dial(ipc.ClientOptions{})
	sub := subscribe(t, client, router.Subscription{Patterns: []string{"events.#"}, ReplayFrom: 1})
	await(t, sub, "what the collector may publish", func(m *router.Message) bool {
		if slices.Contains(forbidden, string(m.Topic())) {
			t.Errorf("%s was published", m.Topic())
		}
		return string(m.Topic()) == "events.rogue.done"
	})
	s := status(t, client)
	for _, c := range s.Broker.Clients {
		if c.PID != s.Collectors[0].PID {
			continue
		}
		if c.Name != "rogue" || c.Role != "collector" || c.Published == 0 || c.Refused != uint64(len(forbidden)) {
			t.Errorf("the collector is %+v", c)
		}
		return
	}
	t.Error("the collector is not among the clients")
}

// TestAFullHouseLocksNobodyOut has clients take all connections: a collector that is
// started again gets in, and so does an operator who asks, whatever they do.
func TestAFullHouseLocksNobodyOut(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("echo"), Config: configured(func(c *config.Config) { c.Broker.MaxConnections = 3 })})
	first := r.dial(ipc.ClientOptions{})
	for range 2 {
		r.dial(ipc.ClientOptions{})
	}
	if _, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: r.socket}); !errors.Is(err, frame.ErrLimit) {
		t.Errorf("one client too many: %v", err)
	}
	states := subscribe(t, first, router.Subscription{Patterns: []string{control.LifecycleTopic}})
	pid := status(t, first).Collectors[0].PID
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, states, "the collector that was started again", func(m *router.Message) bool {
		s := parse[control.CollectorStatus](t, m.Payload)
		return s.State == control.CollectorRunning && s.PID != pid
	})
	for range policy.MaxVisitors + 1 {
		operator := r.dial(ipc.ClientOptions{Name: "status", Role: control.Operator})
		if s := status(t, operator); s.Collectors[0].State != control.CollectorRunning {
			t.Errorf("the collector is %+v", s.Collectors[0])
		}
		if _, err := operator.Subscribe(t.Context(), router.Subscription{Patterns: []string{"events.#"}}); !errors.Is(err, frame.ErrLimit) {
			t.Errorf("a visitor subscribes: %v", err)
		}
		if err := operator.Publish(t.Context(), router.Outgoing{Topic: "events.demo"}); err != nil {
			t.Fatal(err)
		}
		if err := operator.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s := status(t, first); s.Broker.Refused["limit"] < 2*(policy.MaxVisitors+1)+1 {
		t.Errorf("refused is %v", s.Broker.Refused)
	}
}

// TestAnOperatorIsNoCollector has an operator claim that it is one.
func TestAnOperatorIsNoCollector(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("echo")})
	refused := make(chan error, 10)
	if _, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: r.socket, Name: "echo", Role: control.CollectorRole}); !errors.Is(err, frame.ErrDenied) {
		t.Errorf("as a collector that the configuration does not name: %v", err)
	}
	client := r.dial(ipc.ClientOptions{Name: "echo", OnError: func(err error) { refused <- err }})
	pid := status(t, client).Collectors[0].PID

	_, err := control.Call(t.Context(), client, control.RegistrationTarget, control.Request{
		Operation: control.OpRegister, Target: "echo", Payload: control.Payload(control.Registration{Collector: "echo", PID: pid, Source: "forged"}),
	}, nil)
	if !errors.Is(err, control.Errorf(control.CodePermissionDenied, "")) {
		t.Errorf("registering: %v", err)
	}
	if c := status(t, client).Collectors[0]; c.PID != pid || c.Source == "forged" {
		t.Errorf("the collector is %+v", c)
	}
	if err := client.Publish(t.Context(), router.Outgoing{Topic: "control.health.status.echo"}); err != nil {
		t.Fatal(err)
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-refused; !errors.Is(err, router.ErrDenied) {
		t.Errorf("publishing: %v", err)
	}
	_, err = client.Respond(t.Context(), control.CollectorTarget("echo"), func(context.Context, *router.Request) ([]byte, error) {
		return nil, nil
	})
	if !errors.Is(err, router.ErrDenied) {
		t.Errorf("responding: %v", err)
	}
}
