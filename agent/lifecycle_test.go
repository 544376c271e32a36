package agent_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestTheStatesOfTheAgentAreOnTheBus from the first to the last, and the latest is
// retained.
func TestTheStatesOfTheAgentAreOnTheBus(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("echo")})
	client := r.dial(ipc.ClientOptions{NoReconnect: true})
	late := subscribe(t, client, router.Subscription{Patterns: []string{control.OrchestrationTopic}, Retained: true})
	await(t, late, "the latest state", func(m *router.Message) bool {
		x := parse[control.Orchestration](t, m.Payload)
		return x.State == control.Steady && x.BeginMonitoring
	})
	all := subscribe(t, client, router.Subscription{Patterns: []string{control.OrchestrationTopic}, ReplayFrom: 1})
	var seen []control.AgentState
	see := func(until control.AgentState) {
		await(t, all, string(until), func(m *router.Message) bool {
			seen = append(seen, parse[control.Orchestration](t, m.Payload).State)
			return seen[len(seen)-1] == until
		})
	}
	see(control.Steady)
	go r.stop() // waited for at the end of the test
	see(control.ShuttingDown)
	seen = slices.Compact(seen) // a collector that registers has it repeated
	want := []control.AgentState{control.Loading, control.Ready, control.Steady, control.ShuttingDown}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

// TestACollectorThatRegistersLateIsAskedToBegin: one that is started again, long after the
// agent has become steady.
func TestACollectorThatRegistersLateIsAskedToBegin(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("echo")})
	client := r.dial(ipc.ClientOptions{})
	all := subscribe(t, client, router.Subscription{Patterns: []string{control.OrchestrationTopic, control.LifecycleTopic}})
	first := status(t, client).Collectors[0].PID
	if err := unix.Kill(first, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, all, "the registration of the second process", func(m *router.Message) bool {
		if string(m.Topic()) != control.LifecycleTopic {
			return false
		}
		s := parse[control.CollectorStatus](t, m.Payload)
		return s.State == control.CollectorRunning && s.PID != first
	})
	await(t, all, "the request to begin", func(m *router.Message) bool {
		if string(m.Topic()) != control.OrchestrationTopic {
			return false
		}
		x := parse[control.Orchestration](t, m.Payload)
		return x.State == control.Steady && x.BeginMonitoring
	})
}
