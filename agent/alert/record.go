package alert

import "time"

// Kind is what a record is about.
type Kind string

// The kinds of records. All but KindRaised are about an alert that was raised before.
const (
	KindRaised       Kind = "raised"
	KindRepeated     Kind = "repeated" // Count and Last have changed
	KindAcknowledged Kind = "acknowledged"
	KindClosed       Kind = "closed"
	KindReopened     Kind = "reopened"
	KindNoted        Kind = "noted"
)

// Record is one thing that happened to an alert, as those read it who send alerts
// elsewhere.
//
// Immutable.
type Record struct {
	// Seq is its number in the journal. Numbers grow, and not all of them are records.
	Seq  uint64    `json:"seq"`
	Kind Kind      `json:"kind"`
	Time time.Time `json:"time"` // by the clock of the host
	// Alert is whole with KindRaised, and else as Brief returns it: with the status and
	// the count that it had after what happened.
	Alert *Alert `json:"alert"`
	// By is who did it, and Text what was written down; of a raise and a repeat both are
	// empty.
	By   string `json:"by,omitempty"`
	Text string `json:"text,omitempty"`
}
