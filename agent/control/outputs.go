package control

import "time"

// Here is what the agent reports of its outputs.

// OutputTestTarget has one output send a notice that is a test: it answers an OutputTest with
// an OutputTested.
const OutputTestTarget = "control.agent.outputs.test"

// OutputTest names the output that is to be tested.
type OutputTest struct {
	Output string `json:"output"`
}

// OutputTested is what became of a test.
type OutputTested struct {
	// Unknown means that there is no such output; Outputs are those that there are.
	Unknown bool     `json:"unknown,omitempty"`
	Outputs []string `json:"outputs,omitempty"`
	// Error is why the receiver did not take it, empty where it did.
	Error string        `json:"error,omitempty"`
	Took  time.Duration `json:"took_ns"`
}

// OutputStatus is one output as an operator sees it.
type OutputStatus struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Target is where it sends to, without secrets.
	Target string   `json:"target,omitempty"`
	Topics []string `json:"topics"`
	Health Health   `json:"health"`
	// Cursor is the number of the last line of the alert journal that it is done with,
	// Lag how far the last record is from there, in lines.
	Cursor uint64 `json:"cursor"`
	Lag    uint64 `json:"lag"`
	// Waiting are messages, not alerts, that it holds; those that wait in the bus stand in
	// the broker's statistics.
	Waiting int `json:"waiting"`
	// Since the start of the agent: Alerts (with updates) and Messages that the receiver
	// has taken, Failures of attempts, Missed lines that fell out of the journal before
	// they were sent, Lost messages, and items that the receiver Refused.
	Alerts   uint64 `json:"alerts"`
	Messages uint64 `json:"messages"`
	Failures uint64 `json:"failures"`
	Missed   uint64 `json:"missed"`
	Lost     uint64 `json:"lost"`
	Refused  uint64 `json:"refused"`
	// LastSent is when the receiver took something last, LastError why it last did not,
	// at LastErrorAt. NextTry is when the next attempt is, while it waits for that.
	LastSent    time.Time `json:"last_sent,omitzero"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	NextTry     time.Time `json:"next_try,omitzero"`
}
