package agent_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestWhatAKilledCollectorMissedIsAnnounced kills the process collector while programs run
// that it cannot see: a gap on the collector's topic shows from when to when events are
// missing, the collector is degraded with the reason, and is healthy a minute later.
func TestWhatAKilledCollectorMissedIsAnnounced(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect(process.Name)})
	client := r.dial(ipc.ClientOptions{})
	events := subscribe(t, client, router.Subscription{Patterns: []string{"events.#"}, ReplayFrom: 1})
	await(t, events, "the first snapshot", func(m *router.Message) bool { return strings.HasSuffix(string(m.Topic()), "batch") })
	before := time.Now()
	first := status(t, client).Collectors[0].PID
	if err := unix.Kill(first, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := exec.Command("/bin/true").Run(); err != nil {
			t.Fatal(err)
		}
	}
	await(t, events, "the gap", func(m *router.Message) bool {
		if string(m.Topic()) != "events.process.gap" {
			return false
		}
		v, err := event.Parse(m.Payload)
		if err != nil {
			t.Fatal(err)
		}
		gap, ok := event.Copy[event.Loss](v)
		if !ok || gap.Type != event.TypeProcess || gap.Operation != event.OpGap || gap.Collector != "process" || gap.Host == "" {
			t.Errorf("the gap is %+v", gap)
		}
		if gap.Body.Reason != "events: the collector ended: signal: killed" || gap.Body.Lost != 0 {
			t.Errorf("%d are lost: %s", gap.Body.Lost, gap.Body.Reason)
		}
		if since, until := time.Unix(0, gap.Body.SinceNs), time.Unix(0, gap.WallNs); since.After(before) || !until.After(before) || until.After(time.Now()) {
			t.Errorf("it is from %s to %s, and the collector was killed after %s", since, until, before)
		}
		return true
	})
	second := status(t, client)
	if c := second.Collectors[0]; c.State != control.CollectorRunning || c.PID == first {
		t.Errorf("the gap was announced before the collector ran again: %+v", c)
	}
	want := "events: an unknown number lost in the last minute (the collector ended: signal: killed)"
	if h := second.Parts["collectors.process"]; h.State != control.Degraded || h.Reason != want {
		t.Errorf("health is %v: %s", h.State, h.Reason)
	}
	if h := second.Health; h.State != control.Degraded || !strings.Contains(h.Reason, want) {
		t.Errorf("the agent's health is %v: %s", h.State, h.Reason)
	}
	agent.SetAhead(r.agent, time.Minute)
	if h := status(t, client).Parts["collectors.process"]; h.State != control.Healthy {
		t.Errorf("a minute later health is %v: %s", h.State, h.Reason)
	}
}
