package serve_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/serve"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a collector called demo.
type fake struct {
	run func(ctx context.Context, emit collector.Emit) error
}

func (fake) Name() string     { return "demo" }
func (fake) Describe() string { return "made up" }
func (f fake) Run(ctx context.Context, emit collector.Emit) error {
	if f.run == nil {
		<-ctx.Done()
		return nil
	}
	return f.run(ctx, emit)
}

// newBroker runs a broker until the test ends.
func newBroker(t *testing.T) *router.Broker {
	t.Helper()
	b, err := router.New(router.Options{Replay: []router.ReplayRule{{Pattern: "events.other.#", MaxCount: 10}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }() // awaited in the clean-up
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return b
}

// dial returns a client that ends with the test.
func dial(t *testing.T, b *router.Broker, name string) router.Bus {
	t.Helper()
	c := b.Client(name)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// acceptAll answers registrations as an agent does, and returns what it was sent.
func acceptAll(t *testing.T, agent router.Bus) <-chan control.Registration {
	t.Helper()
	told := make(chan control.Registration, 10)
	answerRegistrations(t, agent, func(_ context.Context, c *dispatch.Call) (any, error) {
		var reg control.Registration
		if err := c.Decode(&reg); err != nil {
			return nil, err
		}
		told <- reg
		return control.Accepted{Collector: reg.Collector}, nil
	})
	return told
}

// answerRegistrations answers registrations with h until the test ends.
func answerRegistrations(t *testing.T, agent router.Bus, h dispatch.Handler) {
	t.Helper()
	d := dispatch.New(dispatch.Options{Handlers: map[control.Operation]dispatch.Handler{control.OpRegister: h}})
	t.Cleanup(d.Close)
	if _, err := agent.Respond(t.Context(), control.RegistrationTarget, d.Respond); err != nil {
		t.Fatal(err)
	}
}

func TestACollectorRegistersPublishesAndReports(t *testing.T) {
	b := newBroker(t)
	agent := dial(t, b, "agent")
	told := acceptAll(t, agent)
	// Its event type and pid are there for filters.
	sub, err := agent.Subscribe(t.Context(), router.Subscription{
		Patterns:    []string{"events.demo.#"},
		EventFilter: &router.EventFilter{EventTypes: []string{"process"}, PIDs: []uint32{42}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	demo := fake{func(ctx context.Context, emit collector.Emit) error {
		emit(collector.Message{Topic: "events.demo.a", Payload: []byte("other"), EventType: "process", PID: 1})
		emit(collector.Message{Topic: "not a topic", Payload: []byte("refused")})
		emit(collector.Message{Topic: "events.demo.b", Payload: []byte("hello"), EventType: "process", PID: 42})
		<-ctx.Done()
		return nil
	}}
	bus := dial(t, b, "demo")
	go func() { ended <- serve.New(bus, demo, serve.Options{Version: "1.2"}).Run(ctx) }() // awaited below

	self := control.Registration{Collector: "demo", PID: os.Getpid(), Version: "1.2", Source: "made up", State: control.CollectorRunning}
	if diff := cmp.Diff(self, <-told); diff != "" {
		t.Errorf("registration (-want +got):\n%s", diff)
	}
	for m := range sub.Messages(t.Context()) {
		if string(m.Topic()) != "events.demo.b" || string(m.Payload) != "hello" || m.Frame.Content() != frame.ContentEvent {
			t.Errorf("%s %q of content type %d", m.Topic(), m.Payload, m.Frame.Content())
		}
		break
	}
	var report control.Report
	for report.Emitted < 2 { // an event may be here before it is counted there
		q := control.Request{Operation: control.OpHealthCheck, Target: "demo"}
		if _, err := control.Call(t.Context(), agent, control.CollectorTarget("demo"), q, &report); err != nil {
			t.Fatal(err)
		}
	}
	want := control.Report{
		Collector: "demo", PID: os.Getpid(), Version: "1.2", Source: "made up", State: control.CollectorRunning, Emitted: 2, Failed: 1, ConfigVersion: 1,
	}
	if diff := cmp.Diff(want, report, cmpopts.IgnoreFields(control.Report{}, "Uptime")); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v after its context ended", err)
	}
	if _, err := agent.Request(t.Context(), control.CollectorTarget("demo"), nil); !errors.Is(err, router.ErrNoResponder) {
		t.Errorf("asked after its end: %v", err)
	}
}

// TestWhatTheBusDoesNotTakeIsAnnounced in the place of the event, with the ones
// before that could not be announced.
func TestWhatTheBusDoesNotTakeIsAnnounced(t *testing.T) {
	b := newBroker(t)
	agent := dial(t, b, "agent")
	acceptAll(t, agent)
	sub, err := agent.Subscribe(t.Context(), router.Subscription{Patterns: []string{"events.demo.#"}})
	if err != nil {
		t.Fatal(err)
	}
	lost := event.Process{
		Header: event.Header{Operation: event.OpStart, Sequence: 7},
		Origin: event.Origin{BootID: [16]byte{1}, Host: "web-1", HostID: "id", Collector: "demo", Labels: []event.Pair{{Name: "env", Value: "prod"}}},
		Actor:  event.Actor{Name: "sleep"},
	}
	bus := &choosy{Bus: dial(t, b, "demo"), refuse: 3}
	demo := fake{func(_ context.Context, emit collector.Emit) error {
		for range 3 {
			emit(collector.Message{Topic: "events.demo.a", Payload: lost.Append(nil), EventType: "process"})
			lost.Sequence++
		}
		return nil
	}}
	if err := serve.New(bus, demo, serve.Options{}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Refused were the first event, its announcement, and the second event.
	var got []string
	for m := range sub.Messages(t.Context()) {
		v, err := event.Parse(m.Payload)
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%s %s %v %d", m.Topic(), v.Type(), v.Operation(), v.Sequence())
		if g, ok := event.Copy[event.Loss](v); ok {
			line += fmt.Sprintf(" lost %d of %d: %s", g.Body.Lost, g.Body.Total, g.Body.Reason)
			if diff := cmp.Diff(lost.Origin, g.Origin); diff != "" || v.MonoNs() == 0 || v.WallNs() == 0 {
				t.Errorf("header is %+v, origin (-want +got):\n%s", v.Header(), diff)
			}
		}
		if got = append(got, line); len(got) == 2 {
			break
		}
	}
	want := []string{
		"events.demo.gap process gap 8 lost 2 of 2: events: the bus would not take them: not now",
		"events.demo.a process start 9",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
}

// choosy is a bus that takes nothing the first few times.
type choosy struct {
	router.Bus
	refuse int
}

func (c *choosy) PublisherOf(m router.Outgoing) (router.Publisher, error) {
	if c.refuse > 0 {
		c.refuse--
		return nil, errors.New("not now")
	}
	return c.Bus.PublisherOf(m)
}

func TestACollectorThatCannotRegisterDoesNotRun(t *testing.T) {
	never := fake{func(context.Context, collector.Emit) error {
		t.Error("it ran")
		return nil
	}}
	tests := []struct {
		name  string
		agent func(t *testing.T, agent router.Bus)
		want  string
	}{
		{"nobody takes registrations", func(*testing.T, router.Bus) {}, "nobody responds"},
		{"the agent says no", func(t *testing.T, agent router.Bus) {
			answerRegistrations(t, agent, func(context.Context, *dispatch.Call) (any, error) {
				return nil, errors.New("you are a stranger")
			})
		}, "you are a stranger"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBroker(t)
			tt.agent(t, dial(t, b, "agent"))
			err := serve.New(dial(t, b, "demo"), never, serve.Options{}).Run(t.Context())
			if err == nil || !strings.HasPrefix(err.Error(), "register collector demo: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestTheCollectorsFailureIsReturned(t *testing.T) {
	b := newBroker(t)
	acceptAll(t, dial(t, b, "agent"))
	failed := errors.New("the kernel is gone")
	err := serve.New(dial(t, b, "demo"), fake{func(context.Context, collector.Emit) error { return failed }}, serve.Options{}).Run(t.Context())
	if !errors.Is(err, failed) {
		t.Errorf("Run = %v", err)
	}
}

func TestEmittingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	b := newBroker(t)
	acceptAll(t, dial(t, b, "agent"))
	m := collector.Message{Topic: "events.demo.a", Payload: make([]byte, 200), EventType: "process", PID: 42}
	err := serve.New(dial(t, b, "demo"), fake{func(_ context.Context, emit collector.Emit) error {
		if n := testing.AllocsPerRun(1000, func() { emit(m) }); n >= 1 {
			t.Errorf("%v allocations an event", n)
		}
		return nil
	}}, serve.Options{}).Run(t.Context())
	if err != nil {
		t.Error(err)
	}
}
