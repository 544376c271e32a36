package agent_test

import (
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/logtest"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestACollectorThatHasLostTheAgentIsStartedAgain has one lose its connection
// and go on: it must not count as running for ever.
func TestACollectorThatHasLostTheAgentIsStartedAgain(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("deaf")})
	client := r.dial(ipc.ClientOptions{})
	states := subscribe(t, client, router.Subscription{Patterns: []string{control.LifecycleTopic}, ReplayFrom: 1})
	const reason = "it runs, but has lost its connection to the agent"
	first := 0
	eventually(t, "it has lost its connection", func() bool {
		s := status(t, client)
		first = s.Collectors[0].PID
		return !slices.ContainsFunc(s.Broker.Clients, func(c router.ClientStats) bool { return c.PID == first })
	})
	if c := status(t, client).Collectors[0]; c.State != control.CollectorRunning || c.PID != first {
		t.Errorf("a status has changed it to %+v", c)
	}
	agent.Check(t.Context(), r.agent)
	await(t, states, "its end", func(m *router.Message) bool {
		s := parse[control.CollectorStatus](t, m.Payload)
		return s.State == control.CollectorStopping && s.PID == first && s.LastExit == reason
	})
	await(t, states, "its restart", func(m *router.Message) bool {
		s := parse[control.CollectorStatus](t, m.Payload)
		return s.State == control.CollectorRunning && s.PID != first && s.LastExit == reason
	})
}

// TestThatNothingIsDeliveredShowsThoughSomebodyAsks: the question and its answer
// are delivered, and must not count.
func TestThatNothingIsDeliveredShowsThoughSomebodyAsks(t *testing.T) {
	r := start(t, agent.Options{Config: configured(func(c *config.Config) { c.Broker.MessageBufferSize = 16 })})
	cmd, out, _ := role(t, "subscriber", r.socket)
	if !out.Scan() {
		t.Fatal("the subscriber did not subscribe")
	}
	halt(t, cmd.Process.Pid)
	client := r.dial(ipc.ClientOptions{})
	stuck := func() router.SubStats {
		all := status(t, client).Broker.Subscriptions
		i := slices.IndexFunc(all, func(s router.SubStats) bool { return s.Name == "stuck" })
		return all[i]
	}
	publish := func() {
		t.Helper()
		for range 32 {
			if err := client.Publish(t.Context(), router.Outgoing{Topic: "events.demo", Payload: make([]byte, 16<<10)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "its socket is full", func() bool {
		before := stuck()
		publish()
		return stuck().Delivered == before.Delivered
	})
	addToHistory := func(n int) {
		for range n {
			if err := agent.AddToHistory(r.agent); err != nil {
				t.Fatal(err)
			}
		}
	}
	addToHistory(3)
	publish()
	addToHistory(9)
	h := status(t, client).Parts["broker"]
	if h.State != control.Unhealthy || h.Reason != "32 messages for subscribers in the last minute, and none was delivered" {
		t.Errorf("health is %+v", h)
	}
}

// TestAShareOfTheProcessorIsOverATimeThatCanBeMeasured looks twice within a
// millisecond, between which the kernel may count ten.
func TestAShareOfTheProcessorIsOverATimeThatCanBeMeasured(t *testing.T) {
	r := start(t, agent.Options{})
	now := time.Now().Add(time.Hour)
	pid := os.Getpid()
	before := agent.UsageAt(r.agent, pid, now).CPUPercent
	if before == nil {
		t.Fatal("an hour after the first sample the share is not known")
	}
	for used := cpuTime(t); cpuTime(t) < used+30*time.Millisecond; { // spends it
	}
	if got := agent.UsageAt(r.agent, pid, now.Add(time.Millisecond)).CPUPercent; got == nil || *got != *before {
		t.Errorf("after a millisecond the share is %v, before it was %v", got, *before)
	}
	// What was used counts in the next share.
	if got := agent.UsageAt(r.agent, pid, now.Add(time.Second)).CPUPercent; got == nil || *got < 2 {
		t.Errorf("after a second the share is %v, want 3 or more", got)
	}
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestTheLogHasALineOfStatistics(t *testing.T) {
	r := start(t, agent.Options{Config: configured(func(c *config.Config) { c.Broker.StatsInterval = time.Millisecond }), Collectors: collect("echo")})
	eventually(t, "a line of statistics", func() bool {
		return strings.Contains(r.log.String(), `level=INFO msg=statistics health=healthy reason="" published=`)
	})
}

// TestThatNobodySubscribesIsSaidOnce, and only when that was not to be expected.
func TestThatNobodySubscribesIsSaidOnce(t *testing.T) {
	clients := []router.ClientStats{
		{Source: 1},
		{Source: 2, Identity: router.Identity{PID: 41, Role: "collector"}},
		{Source: 3, Identity: router.Identity{PID: 42, Role: "operator"}},
	}
	of := func(sources ...uint32) (all []router.SubStats) {
		for _, s := range sources {
			all = append(all, router.SubStats{Source: s})
		}
		return all
	}
	tests := []struct {
		name string
		up   time.Duration
		subs []router.SubStats
		want int
	}{
		{"it has just started", time.Minute, of(1), 0},
		{"there are only the agent's own", time.Minute + 1, of(1), 1},
		{"there are only those of the agent and of a collector", time.Hour, of(1, 2), 1},
		{"there is another", time.Hour, of(1, 2, 3), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log := &logtest.Buffer{}
			s := router.Stats{Uptime: tt.up, Clients: clients, Subscriptions: tt.subs}
			agent.WarnIdle(slog.New(slog.NewTextHandler(log, nil)), s, s, s)
			if got := strings.Count(log.String(), `level=WARN msg="nobody subscribes"`); got != tt.want {
				t.Errorf("said %d times, want %d: %s", got, tt.want, log)
			}
		})
	}
}

// TestWhatACollectorCannotPublishDegradesIt has it emit an event that is larger
// than the broker takes.
func TestWhatACollectorCannotPublishDegradesIt(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("bulky"), Config: configured(func(c *config.Config) { c.Broker.MaxMessageSize = 4096 })})
	client := r.dial(ipc.ClientOptions{})
	sub := subscribe(t, client, router.Subscription{Patterns: []string{"events.bulky.gap"}, ReplayFrom: 1})
	await(t, sub, "the gap", func(m *router.Message) bool { return m.Gap == nil })
	eventually(t, "the agent has heard of it", func() bool { return status(t, client).Collectors[0].Gap != "" })
	const want = "events: 1 lost in the last minute (the bus would not take them: max_message_size is 4096, got 5054)"
	if got := status(t, client).Parts["collectors.bulky"]; got.State != control.Degraded || got.Reason != want {
		t.Errorf("health is %+v, want %s", got, want)
	}
}

// TestTheHostsEventsAreKeptApart: what others publish below events must not push
// out what a late subscriber wants to know.
func TestTheHostsEventsAreKeptApart(t *testing.T) {
	r := start(t, agent.Options{})
	client := r.dial(ipc.ClientOptions{})
	publish := func(topic string, n int) {
		t.Helper()
		for range n {
			if err := client.Publish(t.Context(), router.Outgoing{Topic: topic, Payload: []byte(topic)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	publish("events.process.lifecycle", 1)
	publish("events.bench", 3000)
	late := subscribe(t, client, router.Subscription{Patterns: []string{"events.process.#"}, ReplayFrom: 1})
	publish("events.process.last", 1)
	await(t, late, "what was published first", func(m *router.Message) bool {
		if got := string(m.Topic()); got != "events.process.lifecycle" {
			t.Errorf("%s came instead", got)
		}
		return true
	})
}
