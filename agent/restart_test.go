package agent_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestACollectorThatIsKilledIsStartedAgain kills one while it publishes as fast
// as it can, most likely in the middle of a frame: the subscriber sees what came
// before and what comes after, and everything is accounted for.
func TestACollectorThatIsKilledIsStartedAgain(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("flood")})
	client := r.dial(ipc.ClientOptions{})
	states := subscribe(t, client, router.Subscription{Patterns: []string{control.LifecycleTopic}, ReplayFrom: 1})
	events := subscribe(t, client, router.Subscription{SubscriberID: "watch", Patterns: []string{"events.flood.#"}})
	first := status(t, client).Collectors[0]
	await(t, events, "an event of the first process", func(m *router.Message) bool { return m.Gap == nil })
	if err := unix.Kill(first.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var seen []control.CollectorState
	await(t, states, "the second process", func(m *router.Message) bool {
		s := parse[control.CollectorStatus](t, m.Payload)
		seen = append(seen, s.State)
		return s.State == control.CollectorRunning && s.PID != first.PID
	})
	want := []control.CollectorState{
		control.CollectorStarting, control.CollectorRunning, control.CollectorRestarting, control.CollectorStarting, control.CollectorRunning,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("states on the bus (-want +got):\n%s", diff)
	}
	s := status(t, client)
	second := s.Collectors[0]
	if second.Restarts != 1 || second.LastExit != "signal: killed" || second.PID == first.PID {
		t.Errorf("collector is %+v", second)
	}
	source := uint32(0)
	for _, c := range s.Broker.Clients {
		if c.PID == second.PID {
			source = c.Source
		}
	}
	await(t, events, "an event of the second process", func(m *router.Message) bool {
		return m.Gap == nil && m.Frame.Source() == source
	})
	checkBooks(t, status(t, client).Broker)
	if log := r.log.String(); strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, `msg="collector ended" collector=flood exit="signal: killed"`) {
		t.Errorf("log:\n%s", log)
	}
}

// TestHalfAFrameOfACollectorThatIsKilledIsShownToNobody forces the middle of a
// frame.
func TestHalfAFrameOfACollectorThatIsKilledIsShownToNobody(t *testing.T) {
	o := agent.Options{Collectors: collect("torn")}
	o.Collectors[0].Settings = mark(filepath.Join(t.TempDir(), "mark"))
	r := start(t, o)
	client := r.dial(ipc.ClientOptions{})
	sub := subscribe(t, client, router.Subscription{Patterns: []string{"events.torn.#"}, ReplayFrom: 1})
	sources := map[uint32]bool{}
	await(t, sub, "an event of the second process", func(m *router.Message) bool {
		if string(m.Topic()) == "events.torn.gap" {
			return false // the agent's, of what was missed
		}
		if m.Gap != nil || string(m.Topic()) != "events.torn.whole" || string(m.Payload) != "x" {
			t.Errorf("%s %q was shown, gap %v", m.Topic(), m.Payload, m.Gap)
		}
		sources[m.Frame.Source()] = true
		return len(sources) == 2
	})
	s := status(t, client)
	if c := s.Collectors[0]; c.LastExit != "signal: killed" || c.Restarts != 1 {
		t.Errorf("collector is %+v", c)
	}
	checkBooks(t, s.Broker)
}

// TestNothingIsUnaccountedForAfterAKill lets the flood end with the process,
// and compares what the subscriber was shown, or shown as lost, with what the
// broker had for it.
func TestNothingIsUnaccountedForAfterAKill(t *testing.T) {
	o := agent.Options{Collectors: collect("flood"), Config: configured(func(c *config.Config) { c.Broker.MessageBufferSize = 64 })}
	o.Collectors[0].Settings = mark(filepath.Join(t.TempDir(), "mark"))
	r := start(t, o)
	client := r.dial(ipc.ClientOptions{})
	shown := make(chan struct{}, 1)
	sub := subscribe(t, client, router.Subscription{SubscriberID: "watch", Patterns: []string{"events.flood.#"}, Handler: func(*router.Message) {
		select {
		case shown <- struct{}{}:
		default:
		}
	}})
	<-shown
	first := status(t, client).Collectors[0]
	if err := unix.Kill(first.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all that was for the subscriber is shown to it or told to be lost", func() bool {
		s := status(t, client)
		checkBooks(t, s.Broker)
		if c := s.Collectors[0]; c.State != control.CollectorRunning || c.PID == first.PID {
			return false
		}
		for _, b := range s.Broker.Subscriptions {
			if b.Name == "watch" {
				seen := sub.Stats()
				return b.Queued == 0 && b.Delivered == seen.Delivered && b.Dropped == seen.Lost && b.Matched > 0
			}
		}
		return false
	})
}

func TestACollectorThatCannotStartIsToldOnReady(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("missing")})
	c := r.ready.Collectors[0]
	if c.LastExit != "exit status 1: there is no missing" {
		t.Errorf("collector is %+v", c)
	}
	const want = "waiting to restart: exit status 1: there is no missing"
	if got := r.ready.Parts["collectors.missing"]; c.State == control.CollectorRestarting && (got.State != control.Degraded || got.Reason != want) {
		t.Errorf("health is %+v", got)
	}
	if got := r.ready.Agent; got.State != control.StartupFailed || got.Reason != "missing: exit status 1: there is no missing" || !got.BeginMonitoring {
		t.Errorf("the agent is %+v", got)
	}
}

// TestTheEndOfTheAgentIsOrderly stops an agent: its collector ends first, and
// that it has is the last thing that a subscriber gets before the goodbye.
func TestTheEndOfTheAgentIsOrderly(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("echo")})
	client := r.dial(ipc.ClientOptions{NoReconnect: true})
	sub := subscribe(t, client, router.Subscription{Patterns: []string{control.LifecycleTopic}})
	pid := status(t, client).Collectors[0].PID
	r.stop()
	var last control.CollectorStatus
	for m := range sub.Messages(t.Context()) {
		last = parse[control.CollectorStatus](t, m.Payload)
	}
	if last.State != control.CollectorStopped || last.LastExit != "" {
		t.Errorf("the last state is %+v", last)
	}
	if err := sub.Err(); !errors.Is(err, frame.ErrShutdown) {
		t.Errorf("subscription ended with %v", err)
	}
	if err := unix.Kill(pid, 0); err != unix.ESRCH {
		t.Errorf("the collector is there still: %v", err)
	}
	if log := r.log.String(); log != "" {
		t.Errorf("an orderly life was logged as\n%s", log)
	}
}
