package live

import (
	"time"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/window"
	"github.com/daemoneye/eventbus/agent/event"
)

// Settings are what an operator chooses. They can be changed while a Runner runs.
type Settings struct {
	BuiltIn   bool     // with the rules that come with the agent
	Paths     []string // files, and folders with files, of rules
	Optional  bool     // a path that is not there is no mistake
	Watch     bool     // load them again when a file changes
	Choice    Choice
	Withdrawn bool // with rules of status deprecated and unsupported
	// Placeholders are what stands for %name% in rules under the modifier expand.
	Placeholders map[string][]string
	// Collected are the types of events that a collector is configured for; empty: all.
	Collected []event.Table

	// Foreign takes rules on what no collector of the agent supplies, because one of somebody
	// else may.
	Foreign bool

	Fold    time.Duration            // how long repeats of an alert only count
	FoldBy  map[string]time.Duration // the same of single rules, by their id or name
	Windows window.Options
	Context int // events of the process tree in an alert
}

// Choice states which rules are in force. The zero Choice takes all.
type Choice struct {
	Level sigma.Level // the least one
	// Include names rules, of which one has to match; empty takes all. Exclude names
	// rules that are left out all the same.
	Include, Exclude []Selector
}

// takes reports whether a rule is chosen.
func (c *Choice) takes(h *sigma.Head) bool {
	if h.Level < c.Level {
		return false
	}
	return (len(c.Include) == 0 || matches(c.Include, h)) && !matches(c.Exclude, h)
}

func matches(all []Selector, h *sigma.Head) bool {
	for _, s := range all {
		if s.matches(h) {
			return true
		}
	}
	return false
}
