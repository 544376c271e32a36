package agent_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/manager/life"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestAProgramThatRunsWhenTheAgentIsReadyIsSeen although it has ended before anybody could
// look at it.
func TestAProgramThatRunsWhenTheAgentIsReadyIsSeen(t *testing.T) {
	for _, source := range []string{"ebpf", "netlink"} {
		t.Run(source, func(t *testing.T) {
			c := control.ChildConfig{Collector: process.Name, Settings: json.RawMessage(`{"source":"` + source + `"}`)}
			if _, err := newCollector(c, ""); err != nil {
				t.Skip(err)
			}
			for range 10 {
				r := start(t, agent.Options{Collectors: []control.ChildConfig{c}})
				brief := exec.Command("/bin/true")
				if err := brief.Run(); err != nil {
					t.Fatal(err)
				}
				if r.ready.Collectors[0].Opening {
					t.Errorf("the agent is ready before its collector: %+v", r.ready.Collectors[0])
				}
				sub := subscribe(t, r.dial(ipc.ClientOptions{}), router.Subscription{Patterns: []string{"events.process.#"}, ReplayFrom: 1})
				await(t, sub, "the program's end", func(m *router.Message) bool {
					v, err := event.Parse(m.Payload)
					if err != nil {
						return false // a batch
					}
					p, ok := event.Copy[event.Detail](v)
					return ok && p.Operation == event.OpExit && p.PID == uint32(brief.Process.Pid)
				})
				r.stop()
			}
		})
	}
}

// shut is a collector whose source never opens.
type shut struct {
	fake
	collector.Opening
}

// TestACollectorThatDoesNotOpenItsSourceIsNamed when the agent is ready all the same, and as
// long as that is so.
func TestACollectorThatDoesNotOpenItsSourceIsNamed(t *testing.T) {
	before := time.Now()
	bound := 500 * time.Millisecond
	r := start(t, agent.Options{Collectors: collect("shut", "echo"), Supervision: life.Options{RegisterTimeout: bound}})
	if took := time.Since(before); took < bound {
		t.Errorf("the agent was ready after %s", took)
	}
	for _, c := range r.ready.Collectors {
		if c.Opening != (c.Name == "shut") || c.State != control.CollectorRunning {
			t.Errorf("when the agent is ready: %+v", c)
		}
	}
	if h := r.ready.Parts["collectors.shut"]; h.State != control.Degraded || !strings.Contains(h.Reason, "not open") {
		t.Errorf("its health is %v: %s", h.State, h.Reason)
	}
	if r.ready.Agent.State != control.Steady {
		t.Errorf("the agent is %s", r.ready.Agent.State)
	}
}
