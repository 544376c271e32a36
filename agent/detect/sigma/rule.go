package sigma

import (
	"crypto/sha256"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
)

// Head is what every document has, whatever it is.
type Head struct {
	File string
	Line int

	ID, Name, Title string
	Status          Status
	Level           Level
	LogSource       LogSource
	Related         []Related
	Tags            []string
	References      []string
	Fields          []string
	FalsePositives  []string
	Description     string
	Author, License string
	Date, Modified  string
	Examples        []Example

	// Digest is of all that the meaning depends on: the text of the document, and what the
	// placeholders stand for.
	Digest [sha256.Size]byte
}

// Label returns what people call it: its title, or else its id or its name.
func (h *Head) Label() string {
	for _, s := range []string{h.Title, h.ID, h.Name} {
		if s != "" {
			return s
		}
	}
	return h.File
}

// Body is selections and what has to hold of them.
type Body struct {
	Selections []*expr.Selection // in the order of the file
	Condition  expr.Expr         // over the selections; several conditions are joined by or
	Sources    []string          // the conditions as they are written
}

// Rule is one detection rule, checked.
//
// Immutable once Parse, or the Set that it is in, is done with it, and so safe for
// concurrent use.
type Rule struct {
	Head
	Body
	Filters []*Filter // that were applied
	Silent  bool      // it raises no alert, because a correlation counts it
}

// LogSource is where the events of a rule are from.
type LogSource struct {
	Category, Product, Service string
	Definition                 string // for people
}

// Related names another rule, as documentation.
type Related struct{ ID, Type string }

// Status is how far a rule has come.
type Status uint8

// The statuses. A rule may have none.
const (
	StatusNone Status = iota
	StatusStable
	StatusTest
	StatusExperimental
	StatusDeprecated
	StatusUnsupported
)

var statuses = []string{"", "stable", "test", "experimental", "deprecated", "unsupported"}

// String returns the word that rules have for s.
func (s Status) String() string { return statuses[s] }

// Level is how bad it is when a rule matches.
type Level uint8

// The levels, the least one first.
const (
	LevelInformational Level = iota + 1
	LevelLow
	LevelMedium
	LevelHigh
	LevelCritical
)

var levels = []string{"", "informational", "low", "medium", "high", "critical"}

// String returns the word that rules have for l.
func (l Level) String() string { return levels[l] }

// LevelByName is the reverse of String, 0 for a name that there is not.
func LevelByName(name string) Level { return Level(indexOf(levels, name)) }

// StatusByName is the reverse of String, StatusNone for a name that there is not.
func StatusByName(name string) Status { return Status(indexOf(statuses, name)) }

func indexOf(words []string, word string) int {
	for i, w := range words {
		if w == word {
			return i
		}
	}
	return 0
}

// Match reports whether the rule matches the event.
func (r *Rule) Match(e expr.Event) bool { return expr.Holds(r.Condition, e) }
