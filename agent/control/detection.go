package control

import (
	"fmt"
	"time"
)

// Here is what the agent reports of its rules and of what they find.

// Targets of requests about rules.
const (
	// RulesReloadTarget has the agent read its rules again, and answers an empty request
	// with a RulesReport.
	RulesReloadTarget = "control.agent.rules.reload"
	// RulesListTarget answers a RulesQuery with a RulesPage.
	RulesListTarget = "control.agent.rules.list"
)

// RulesReport is the outcome of loading rules.
type RulesReport struct {
	Loaded time.Time     `json:"loaded"` // when it began
	Took   time.Duration `json:"took_ns"`
	// Held is how long events waited for the new rules to take the place of the old ones.
	Held time.Duration `json:"held_ns"`
	// Unchanged means that what was read is what was in force, so that nothing changed.
	Unchanged bool `json:"unchanged,omitempty"`

	Files        int `json:"files"`
	Rules        int `json:"rules"`
	Correlations int `json:"correlations"`
	Filters      int `json:"filters"`
	Active       int `json:"active"`   // rules and correlations that can match
	Inactive     int `json:"inactive"` // those that cannot
	LeftOut      int `json:"left_out"` // those that the configuration does not choose
	Errors       int `json:"errors"`   // what leaves a rule out
	Warnings     int `json:"warnings"`

	// InactiveBy counts the inactive ones by cause, and InactiveRules are the first of
	// them.
	InactiveBy    map[string]int `json:"inactive_by,omitempty"`
	InactiveRules []InactiveRule `json:"inactive_rules,omitempty"`
	// Problems are the first of the errors and warnings.
	Problems []RuleProblem `json:"problems,omitempty"`
	// Kept are files with a mistake, of which the text from before is in force.
	Kept []string `json:"kept,omitempty"`
}

// InactiveRule is a rule that cannot match here.
type InactiveRule struct {
	Rule   string `json:"rule"` // its id, or else its name or title
	Title  string `json:"title"`
	Reason string `json:"reason"`
}

// RuleProblem is what is wrong with a rule.
type RuleProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Rule    string `json:"rule,omitempty"`
	Reason  string `json:"reason"`
	Near    string `json:"near,omitempty"` // the nearest right spelling
	Warning bool   `json:"warning,omitempty"`
}

// String returns the problem on one line.
func (p *RuleProblem) String() string {
	text := p.File
	if p.Line > 0 {
		text += fmt.Sprintf(":%d", p.Line)
	}
	if p.Rule != "" {
		text += ": " + p.Rule
	}
	text += ": " + p.Reason
	if p.Near != "" {
		text += " (nearest: " + p.Near + ")"
	}
	return text
}

// Detection is how detection is.
type Detection struct {
	Rules RulesReport `json:"rules"` // without the lists
	// Failed is why rules were not loaded again when that was asked for last.
	Events  uint64 `json:"events"`  // that were looked at
	Matches uint64 `json:"matches"` // rules and correlations that were found in them
	Alerts  uint64 `json:"alerts"`  // alerts that were handed on, repeats of a second as one
	Forged  uint64 `json:"forged"`  // events that claimed the type of another collector
	Invalid uint64 `json:"invalid"` // messages that were no event
	Lost    uint64 `json:"lost"`    // events that the queue of detection dropped
	// Lag is how long ago the event was published that was looked at last, of a sample.
	Lag time.Duration `json:"lag_ns"`
	// Ahead counts events whose time is after that of this host, by more than a minute,
	// and Late those from more than a minute before.
	Ahead uint64 `json:"ahead"`
	Late  uint64 `json:"late"`

	Windows Windows `json:"windows"`
	// Costs are the rules that took most time, of a sample of the events; the first took
	// most.
	Costs []RuleCost `json:"costs,omitempty"`
	// Forger is the client that sent the last event which claimed another's type.
	Forger string `json:"forger,omitempty"`
}

// Windows are the state of correlations.
type Windows struct {
	Groups         int    `json:"groups"`
	Entries        int    `json:"entries"`
	Bytes          int    `json:"bytes"`
	EvictedGroups  uint64 `json:"evicted_groups"`  // for want of room
	EvictedEntries uint64 `json:"evicted_entries"` // for want of room
	Ungrouped      uint64 `json:"ungrouped"`
	Valueless      uint64 `json:"valueless"`
	Restarted      uint64 `json:"restarted"` // groups of which the clock went back
	Fired          uint64 `json:"fired"`
}

// RuleCost is what a rule takes.
type RuleCost struct {
	Rule  string `json:"rule"`
	Title string `json:"title"`
	// PerEvent is the mean over all events of the sample.
	PerEvent time.Duration `json:"per_event_ns"`
	// Share is of the time that all rules take, 0 to 1.
	Share float64 `json:"share"`
}

// RulesQuery asks for rules that are in force.
type RulesQuery struct {
	After int `json:"after,omitempty"` // how many to leave out
}

// RulesPage are rules that are in force. More means that others follow.
type RulesPage struct {
	Rules []RuleInfo `json:"rules"`
	More  bool       `json:"more,omitempty"`
}

// RuleInfo is a rule that the agent has loaded.
type RuleInfo struct {
	ID       string   `json:"id,omitempty"`
	Name     string   `json:"name,omitempty"`
	Title    string   `json:"title"`
	Level    string   `json:"level"`
	Status   string   `json:"status,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Kind     string   `json:"kind"` // rule or correlation
	Active   bool     `json:"active"`
	Inactive string   `json:"inactive,omitempty"` // the reason
	Filters  []string `json:"filters,omitempty"`
}
