package alert

import (
	"encoding/json"
	"time"

	"github.com/oklog/ulid/v2"
)

// ID names an alert. IDs sort by the time at which the alerts were raised.
type ID = ulid.ULID

// ParseID reads an ID in its text form of 26 characters.
func ParseID(text string) (ID, error) { return ulid.ParseStrict(text) }

// Alert is one decision of a rule, with all that was known when it was made.
//
// One goroutine at a time, and immutable once it was submitted to a store.
type Alert struct {
	ID     ID     `json:"id"`
	Status Status `json:"status"`
	Count  uint64 `json:"count"`
	// First and Last are the times of events, and Raised is the time of the store that
	// raised it.
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Raised time.Time `json:"raised"`
	Rule   Rule      `json:"rule"`
	// Correlation means that the rule is a correlation. It has Group and Members.
	Correlation bool              `json:"correlation,omitempty"`
	Group       map[string]string `json:"group,omitempty"`
	Host        Host              `json:"host,omitzero"`
	Labels      map[string]string `json:"labels,omitempty"`
	// Event is the event that matched, as JSON in the names of ECS on one line.
	Event   json.RawMessage `json:"event,omitempty"`
	Matched []Match         `json:"matched,omitempty"`
	Members []Member        `json:"members,omitempty"`
	// Incomplete are the reasons why the alert may not have the whole picture.
	Incomplete []string `json:"incomplete,omitempty"`
	// Context are the last events of the same process tree, oldest first.
	Context []json.RawMessage `json:"context,omitempty"`
	// DedupKey is the same for alerts that are repeats of each other. Without one an
	// alert is a repeat of none.
	DedupKey string `json:"dedup_key,omitempty"`
	// FoldFor is how long a repeat only counts, from when the alert was raised.
	FoldFor time.Duration `json:"fold_for_ns,omitempty"`
	// Silenced is the id of the silence that matched it when it was raised or last repeated,
	// empty for none.
	Silenced string `json:"silenced,omitempty"`
	Notes    []Note `json:"notes,omitempty"`
}

// Rule is the rule that raised an alert, as it was then.
type Rule struct {
	ID             string   `json:"id,omitempty"`
	Title          string   `json:"title"`
	Description    string   `json:"description,omitempty"`
	Level          Level    `json:"level"`
	Tags           []string `json:"tags,omitempty"`
	Path           string   `json:"path,omitempty"` // the file that it is from
	FalsePositives []string `json:"false_positives,omitempty"`
	References     []string `json:"references,omitempty"`
}

// Host is where it happened.
type Host struct {
	ID     string `json:"id,omitempty"`
	Name   string `json:"name,omitempty"`
	BootID string `json:"boot_id,omitempty"`
}

// Match is one field of the event that a rule looked at, and its value.
type Match struct {
	Field     string `json:"field"`
	Value     string `json:"value"`
	Selection string `json:"selection,omitempty"` // of the rule, where the condition stands
}

// Member is an event that a correlation counted.
type Member struct {
	Rule  string          `json:"rule"`
	Event json.RawMessage `json:"event,omitempty"`
}

// Note is what somebody wrote down about an alert.
type Note struct {
	Time time.Time `json:"time"`
	By   string    `json:"by"`
	Text string    `json:"text"`
}

// Topic returns the topic on which the alert is published.
func (a *Alert) Topic() string { return topicPrefix + a.Rule.Level.String() }

const topicPrefix = "alerts."

// Brief returns a copy that names the alert and its state, and leaves out what fills it:
// the event, what matched, members, context and notes, and of the rule all but id, title
// and level.
func (a *Alert) Brief() *Alert {
	return &Alert{
		ID: a.ID, Status: a.Status, Count: a.Count, First: a.First, Last: a.Last, Raised: a.Raised,
		Rule: Rule{ID: a.Rule.ID, Title: a.Rule.Title, Level: a.Rule.Level}, Correlation: a.Correlation,
		Host: a.Host, DedupKey: a.DedupKey, FoldFor: a.FoldFor, Silenced: a.Silenced,
	}
}
