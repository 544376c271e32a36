package control

import (
	"encoding/json"
	"time"
)

// Here are the payloads of requests, and of their answers.

// Registration is what a collector claims when it is ready: the payload of OpRegister.
// The agent takes its identity from the kernel.
type Registration struct {
	Collector string `json:"collector"`
	PID       int    `json:"pid"`
	Version   string `json:"version"`
	// Source describes in one line where its events come from.
	Source string `json:"source"`
	// State is CollectorRunning, or CollectorPaused where it registers again while it is paused.
	State CollectorState `json:"state,omitempty"`
	// Opening means that its source is not open yet. A heartbeat without Opening follows.
	Opening bool `json:"opening,omitempty"`
}

// Accepted answers a Registration.
type Accepted struct {
	Collector string `json:"collector"`
	// Agent is the state of the agent before the registration. OrchestrationTopic has
	// what follows.
	Agent AgentState `json:"agent"`
	// Heartbeat is the interval at which the collector has to publish a Heartbeat.
	Heartbeat time.Duration `json:"heartbeat_ns"`
}

// Deregistration is the payload of OpDeregister.
type Deregistration struct {
	Reason string `json:"reason,omitempty"`
}

// HeartbeatInterval is the time between two heartbeats of a collector.
const HeartbeatInterval = 2 * time.Second

// heartbeatTopic is the prefix of the topics of heartbeats.
const heartbeatTopic = "control.health.heartbeat."

// HeartbeatTopic returns the topic on which the collector called name publishes a
// Heartbeat at each HeartbeatInterval, also while it is paused.
func HeartbeatTopic(name string) string { return heartbeatTopic + name }

// Heartbeat is a collector's sign of life. The collector makes it.
type Heartbeat struct {
	Collector string `json:"collector"`
	// Sequence counts the heartbeats of this process from 1.
	Sequence uint64         `json:"sequence"`
	State    CollectorState `json:"state"` // CollectorRunning or CollectorPaused
	// Opening means that its source is not open yet.
	Opening bool   `json:"opening,omitempty"`
	Health  Health `json:"health"`
	Emitted uint64 `json:"emitted"`
	Failed  uint64 `json:"failed"`
	// Filtered events were left out because the configuration asks for it.
	Filtered uint64 `json:"filtered,omitempty"`
	// LastEvent is the time of the last event that the bus took, in nanoseconds since
	// 1970; 0 for none.
	LastEvent int64 `json:"last_event_ns,omitempty"`
}

// Started answers OpStart and OpRestart.
type Started struct {
	PID int `json:"pid"`
}

// Stopped answers OpStop, OpGracefulShutdown and OpForceShutdown at the agent.
type Stopped struct {
	// Exit is how the process ended, in words.
	Exit string `json:"exit"`
	// Killed means that it did not end by itself.
	Killed bool `json:"killed,omitempty"`
}

// Changed answers OpPause and OpResume, and at the collector OpGracefulShutdown and
// OpForceShutdown.
type Changed struct {
	State CollectorState `json:"state"`
	// Already means that it was in that state before.
	Already bool `json:"already,omitempty"`
}

// Shutdown is the payload of OpStop, OpGracefulShutdown and OpForceShutdown.
type Shutdown struct {
	// Timeout is how long the collector may take; 0 is the agent's own choice.
	Timeout time.Duration `json:"timeout_ns,omitempty"`
	// Force has a collector killed that does not end in time.
	Force  bool   `json:"force,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Report answers OpHealthCheck: a collector's own account.
type Report struct {
	Collector string         `json:"collector"`
	PID       int            `json:"pid"`
	Version   string         `json:"version"`
	Source    string         `json:"source"`
	State     CollectorState `json:"state"` // CollectorRunning or CollectorPaused
	Health    Health         `json:"health"`
	Uptime    time.Duration  `json:"uptime_ns"`
	// Emitted events were taken by the bus, Failed ones were not.
	Emitted uint64 `json:"emitted"`
	Failed  uint64 `json:"failed"`
	// Filtered events were left out because the configuration asks for it.
	Filtered uint64 `json:"filtered,omitempty"`
	// ConfigVersion counts the configurations that this process has run with.
	ConfigVersion int `json:"config_version"`
}

// ConfigUpdate is the payload of OpUpdateConfig.
type ConfigUpdate struct {
	// Config is the collector's new configuration, in its own words. Keys that are
	// absent keep their value.
	Config json.RawMessage `json:"config"`
	// ValidateOnly has the collector check the configuration, and change nothing.
	ValidateOnly bool `json:"validate_only,omitempty"`
	// Rollback has a collector that fails with the configuration go on with the one
	// before, instead of ending.
	Rollback bool `json:"rollback_on_failure,omitempty"`
}

// ConfigUpdated answers OpUpdateConfig.
type ConfigUpdated struct {
	// Version is that of the configuration in force.
	Version int `json:"version"`
	// Changed are the keys whose value differs from before, or would.
	Changed []string `json:"changed_fields"`
	// Validated means that nothing was changed, because only a check was asked for.
	Validated bool `json:"validated,omitempty"`
	// Restarted means that the collector began anew, because it could not take the change while
	// it observed. It has announced what it missed.
	Restarted bool `json:"restarted,omitempty"`
	// Source describes in one line where its events come from now.
	Source string `json:"source,omitempty"`
}

// Capabilities answers OpGetCapabilities.
type Capabilities struct {
	Collector string `json:"collector"`
	Version   string `json:"version"`
	Source    string `json:"source"`
	// EventTypes and Topics are what it publishes.
	EventTypes []string `json:"event_types"`
	Topics     []string `json:"topics"`
	// Operations are those that the collector itself carries out.
	Operations []Operation `json:"operations"`
	// Tasks are those that OpExecuteTask can name.
	Tasks []string `json:"tasks"`
	// Config are the keys of its configuration.
	Config []string `json:"config"`
}

// Task is the payload of OpExecuteTask.
type Task struct {
	Task string          `json:"task"`
	Args json.RawMessage `json:"args,omitempty"`
	// Anyone lets any collector carry it out that has the task, and not only the target.
	Anyone bool `json:"anyone,omitempty"`
	// Repeatable means that it may be carried out again where the collector that had it
	// died before it answered.
	Repeatable bool `json:"repeatable,omitempty"`
}

// TaskResult answers OpExecuteTask.
type TaskResult struct {
	Task string `json:"task"`
	// Collector is the one that carried it out.
	Collector string          `json:"collector"`
	Result    json.RawMessage `json:"result,omitempty"`
	// Attempts is how often the agent had it begun: more than once where collectors died.
	Attempts int `json:"attempts,omitempty"`
}
