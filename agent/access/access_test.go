package access

import (
	"errors"
	"testing"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router"
)

func TestWhoMayDoWhat(t *testing.T) {
	collector, err := collectorGrant("process")
	if err != nil {
		t.Fatal(err)
	}
	operator, err := operatorGrant("tail")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		op                  router.Op
		topic               string
		collector, operator bool
	}{
		{router.OpPublish, "events.process.lifecycle", true, true},
		{router.OpPublish, "events.process", true, true},
		{router.OpPublish, "events.network.dns", false, true},
		{router.OpPublish, "events.processes.x", false, true},
		{router.OpPublish, "alerts.high", false, true},
		{router.OpPublish, "control.agent.policy", false, false},
		{router.OpPublish, "control.collector.lifecycle", false, false},
		{router.OpPublish, "control.health.heartbeat.process", true, false},
		{router.OpPublish, "control.health.status.process", true, false},
		{router.OpPublish, "control.health.status.network", false, false},
		{router.OpPublish, "other.topic", false, false},
		{router.OpSubscribe, "#", false, true},
		{router.OpSubscribe, "events.#", false, true},
		{router.OpSubscribe, "events.process.lifecycle", false, true}, // and the agent's own collectors
		{router.OpSubscribe, "control.#", true, true},
		{router.OpSubscribe, "system.advisory.slow", false, true},
		{router.OpRequest, control.RegistrationTarget, true, true}, // what an operator sends there is refused: see below
		{router.OpRequest, control.StatusTarget, false, true},
		{router.OpRequest, control.OperationTarget, false, true},
		{router.OpRequest, control.CollectorTarget("network"), false, false}, // the agent alone calls collectors
		{router.OpRequest, router.StatsTarget, false, true},
		{router.OpRespond, "control.collector.process", true, false},
		{router.OpRespond, "control.collector.network", false, false},
		{router.OpRespond, control.StatusTarget, false, false},
		{router.OpRespond, control.TaskTarget("lookup"), true, false},
		{router.OpRequest, control.TaskTarget("lookup"), false, false},
		{router.OpRespond, "events.demo", false, true},
	}
	for _, tt := range tests {
		t.Run(tt.op.String()+" "+tt.topic, func(t *testing.T) {
			for _, who := range []struct {
				grant policy.Grant
				may   bool
			}{{collector, tt.collector}, {operator, tt.operator}} {
				err := who.grant.Authorize(tt.op, tt.topic)
				if who.may && err != nil || !who.may && !errors.Is(err, router.ErrDenied) {
					t.Errorf("%s: %v", who.grant.Role, err)
				}
			}
		})
	}
}

// TestTheAgentsOwnCollectorsMayKnowWhoTheProcessesAre, and nothing else of others.
func TestTheAgentsOwnCollectorsMayKnowWhoTheProcessesAre(t *testing.T) {
	own, err := collectorGrant("network", processTopics...)
	if err != nil {
		t.Fatal(err)
	}
	for topic, may := range map[string]bool{
		"events.process.lifecycle": true, "events.process.batch": true, "events.process.integrity": false, "events.process.#": false, "events.network.dns": false,
	} {
		if err := own.Authorize(router.OpSubscribe, topic); (err == nil) != may {
			t.Errorf("%s: %v", topic, err)
		}
	}
}
