package control

import "time"

// OrchestrationTopic carries an Orchestration whenever the agent's state changes, and
// again when a collector registers later, so that each collector gets BeginMonitoring.
// The last one is retained.
const OrchestrationTopic = "control.agent.orchestration"

// AgentState is where the agent is in its life.
type AgentState string

// The states of the agent. It serves its clients in all of them.
const (
	// Loading: not all collectors have registered yet and have their source open.
	Loading AgentState = "loading"
	// Ready: all collectors have registered and have their source open, or have had their
	// time for it, and monitoring has not begun.
	Ready AgentState = "ready"
	// Steady: all collectors were asked to begin. Whether they are well is their health.
	Steady AgentState = "steady"
	// StartupFailed: a collector ended before it had registered, or did not register in
	// time. The others go on, and the agent becomes ready when that one registers after
	// all.
	StartupFailed AgentState = "start-up failed"
	// ShuttingDown: the agent ends its collectors, and then itself.
	ShuttingDown AgentState = "shutting down"
)

// Orchestration is the state of the agent.
type Orchestration struct {
	State AgentState `json:"state"`
	Since time.Time  `json:"since"`
	// Reason is why the start failed.
	Reason string `json:"reason,omitempty"`
	// BeginMonitoring is set as long as collectors are to collect.
	BeginMonitoring bool `json:"begin_monitoring"`
}
