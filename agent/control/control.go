// Package control has the messages that the agent and its collectors exchange
// over the bus, and the answers of the agent to operators: targets, topics and their
// JSON. It imports neither side. PROTOCOL.md describes operations and their envelopes for
// programs in other languages; package dispatch is the side that carries them out.
package control

import (
	"encoding/json"
	"time"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/router"
)

// Targets of requests and topics of messages.
const (
	// OperationTarget is where operators send a Request with one of the Operations. The
	// agent answers with a Response.
	OperationTarget = "control.agent.operation"
	// RegistrationTarget is OperationTarget for collectors. It takes OpRegister and
	// OpDeregister. The agent takes them only from a process that it started as a
	// collector. A collector that is not registered publishes all the same; it does not
	// count as running.
	RegistrationTarget = "control.collector.registration"
	// StatusTarget answers with Status.
	StatusTarget = "control.agent.status"
	// ReloadTarget has the agent read its configuration again, and answers an empty
	// request with Reloaded.
	ReloadTarget = "control.agent.reload"
	// AlertsTarget takes a desk.Request of an operator, and answers with a desk.Answer: see
	// package agent/alert/desk. An agent that keeps no alerts does not serve it.
	AlertsTarget = "control.agent.alerts"
	// LifecycleTopic carries CollectorStatus whenever a collector's state
	// changes.
	LifecycleTopic = "control.collector.lifecycle"
	// collectorTarget is the prefix of a collector's own target.
	collectorTarget = "control.collector."
)

// Operator is the role of clients that people use. One that claims it in its hello may
// ask for control when all connections are taken, and nothing else.
const Operator = "operator"

// ExitRefused is the exit status of a collector that the agent refused for the moment:
// EX_TEMPFAIL of sysexits.h. It is no crash, and the collector is started again however
// often that happens.
const ExitRefused = 75

// CollectorTarget returns the target at which the collector called name takes a Request
// of the agent, with one of the Operations that a collector carries out.
func CollectorTarget(name string) string { return collectorTarget + name }

// TaskTarget returns the target at which each collector that has the task takes it: the broker
// chooses one of them. It is for tasks with IsShared.
func TaskTarget(task string) string { return collectorTarget + "task." + task }

// IsShared reports whether several collectors can have the task: its name is like that of a
// collector.
func IsShared(task string) bool { return CheckName(task) == nil }

// Reloaded is the outcome of a reload.
type Reloaded struct {
	// Changes are what differs from the configuration in force. Those that wait for a
	// restart stay in the list of the next reload.
	Changes []config.Change `json:"changes,omitempty"`
	// Restarted are the collectors that began anew, because they could not take a change while
	// they observed. Each announces what it missed.
	Restarted []string `json:"restarted,omitempty"`
	// Warnings are about what has no effect.
	Warnings []string `json:"warnings,omitempty"`
	// Mistakes are why nothing changed, each with its place; empty where all was right.
	Mistakes []string `json:"mistakes,omitempty"`
	// Refused are why nothing changed though there was no mistake: the collectors that did not
	// take their settings, each with its reason.
	Refused []string `json:"refused,omitempty"`
	// Rules is the outcome of loading the rules again, nil where detection is not enabled
	// or nothing was reloaded.
	Rules *RulesReport `json:"rules,omitempty"`
}

// Waiting returns the keys whose new value waits for a restart.
func (r *Reloaded) Waiting() (keys []string) {
	for _, c := range r.Changes {
		if c.Restart {
			keys = append(keys, c.Key)
		}
	}
	return keys
}

// ChildConfig is what a collector process reads from its standard input, as one
// line of JSON, before it connects. The end of its standard input means that the agent
// is gone.
type ChildConfig struct {
	Collector string        `json:"collector"`
	Socket    string        `json:"socket"`
	Budget    time.Duration `json:"budget_ns"`
	// HostID and Labels stand in every event of the collector.
	HostID string            `json:"host_id,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	// Settings are the collector's own: an object whose members are the keys of its
	// section of the configuration. Without them it takes its defaults.
	Settings json.RawMessage `json:"settings,omitempty"`
	// Paused has the collector register, and not observe before it is resumed.
	Paused bool `json:"paused,omitempty"`
}

// Health is a verdict with its reason.
type Health struct {
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Since is when the agent first found it in that state, to within some seconds.
	Since time.Time `json:"since,omitzero"`
}

// State grades health; a larger one is worse.
type State uint8

// The states.
const (
	Healthy State = iota
	Degraded
	Unhealthy
)

var stateNames = [...]string{"healthy", "degraded", "unhealthy"}

func (s State) String() string { return stateNames[min(int(s), len(stateNames)-1)] }

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. A name that is not known
// counts as the worst.
func (s *State) UnmarshalText(b []byte) error {
	*s = Unhealthy
	for i, name := range stateNames {
		if name == string(b) {
			*s = State(i)
		}
	}
	return nil
}

// Usage is what a process takes of the machine. A figure that is not known is nil,
// and null in JSON.
type Usage struct {
	// CPUPercent is of one core, over half a second or more.
	CPUPercent *float64 `json:"cpu_percent"`
	RSS        *uint64  `json:"rss_bytes"`
	Threads    *int     `json:"threads"`
	// OpenFiles are open descriptors.
	OpenFiles *int `json:"open_files"`
}

// CollectorState is where a collector is in its life.
type CollectorState string

// The states of a collector.
const (
	CollectorStopped  CollectorState = "stopped"  // not started yet, or stopped by an operator or with the agent
	CollectorStarting CollectorState = "starting" // its process runs and has not registered yet
	CollectorRunning  CollectorState = "running"
	CollectorPaused   CollectorState = "paused" // its process runs, and does not observe
	// CollectorUnresponsive is one whose process runs and makes no heartbeats.
	CollectorUnresponsive CollectorState = "unresponsive"
	CollectorStopping     CollectorState = "stopping"         // its process is to end
	CollectorStuck        CollectorState = "cannot be killed" // its process was killed, and is there still
	CollectorRestarting   CollectorState = "waiting to restart"
	CollectorGaveUp       CollectorState = "gave up" // it ended too often, and is tried again after a while
	CollectorAbsent       CollectorState = "absent"  // an external one that has not registered
)

// CollectorStatus is one collector as its supervisor sees it.
type CollectorStatus struct {
	Name  string         `json:"name"`
	State CollectorState `json:"state"`
	// Since is when it came to be in that state.
	Since time.Time `json:"since,omitzero"`
	// External is set where its process is not the agent's.
	External bool   `json:"external,omitempty"`
	PID      int    `json:"pid,omitempty"`
	Source   string `json:"source,omitempty"`
	// Opening is set as long as it runs and its source is not open: it does not observe yet.
	Opening bool `json:"opening,omitempty"`
	// Restarts counts them all, also those that were forgiven.
	Restarts int `json:"restarts"`
	// NextTry is when it is started again, where it waits for that.
	NextTry time.Time `json:"next_try,omitzero"`
	// LastExit is how it ended last, where it did without being asked to, or why it is
	// about to end, or is not what was asked of it.
	LastExit string `json:"last_exit,omitempty"`
	// Gap is what was lost of its events in the last minute before they came to the
	// bus; empty for nothing.
	Gap string `json:"gap,omitempty"`
	// Filtered is how many events its process has left out because its configuration asks for
	// it, as of its last heartbeat. They are no loss.
	Filtered uint64 `json:"filtered,omitempty"`
	Usage    *Usage `json:"usage,omitempty"`
}

// Status is the agent's account of itself.
type Status struct {
	Version    string            `json:"version"`
	Instance   string            `json:"instance"`
	HostID     string            `json:"host_id"`
	Labels     map[string]string `json:"labels,omitempty"`
	PID        int               `json:"pid"`
	Socket     string            `json:"socket"`
	Uptime     time.Duration     `json:"uptime_ns"`
	StartTime  time.Duration     `json:"start_ns"` // from the call of Run to accepting
	Agent      Orchestration     `json:"agent"`
	Health     Health            `json:"health"` // the worst of Parts
	Parts      map[string]Health `json:"parts"`
	Usage      Usage             `json:"usage"`
	Collectors []CollectorStatus `json:"collectors"`
	Outputs    []OutputStatus    `json:"outputs,omitempty"`
	// Detection is nil where it is not enabled.
	Detection *Detection `json:"detection,omitempty"`
	// Alerts is nil where none are kept.
	Alerts *AlertStore `json:"alerts,omitempty"`
	// RestartFor are the keys of the configuration whose value was changed by a reload
	// that only a restart puts in force.
	RestartFor []string `json:"restart_for,omitempty"`
	// MaxConnections is how many clients may connect, beside the agent's own.
	MaxConnections int          `json:"max_connections"`
	Broker         router.Stats `json:"broker"`
}
