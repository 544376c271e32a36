package engine

import (
	"slices"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// Options decide which rules can match here. The zero Options take every type of event
// for collected, and no rule that its author withdrew.
type Options struct {
	// Collected are the tables that a collector fills. Empty: all of them.
	Collected []event.Table

	// Withdrawn also takes rules of status deprecated and unsupported.
	Withdrawn bool

	// Foreign takes the events for those of others too, who may fill in what no collector
	// of the agent does. Else a rule about that is inactive.
	Foreign bool
}

func (o *Options) collects(t event.Table) bool {
	return len(o.Collected) == 0 || slices.Contains(o.Collected, t)
}

// Engine finds the rules that match an event.
//
// Immutable after New, and so safe for concurrent use: each goroutine has a Matcher.
type Engine struct {
	active   []*sigma.Rule
	inactive []Inactive
	programs []*program
	ops      [8][32][]int32 // programs, by table and operation
}

// New compiles rules. What cannot match here is set aside with the reason.
func New(rules []*sigma.Rule, o Options) *Engine {
	e := &Engine{}
	byCategory := map[string][]*sigma.Rule{}
	anyOf := map[event.Table][]*sigma.Rule{} // rules without a category
	for _, r := range rules {
		sources, no := sourcesOf(r, &o)
		if no == nil && !o.Withdrawn && (r.Status == sigma.StatusDeprecated || r.Status == sigma.StatusUnsupported) {
			no = &Inactive{r, CauseStatus, "", "its status is " + r.Status.String()}
		}
		if no == nil {
			no = e.place(r, &o, sources, byCategory, anyOf)
		}
		if no != nil {
			e.inactive = append(e.inactive, *no)
			continue
		}
		e.active = append(e.active, r)
	}
	for _, c := range categories {
		if all := byCategory[c.name]; len(all) > 0 {
			e.add(build(c.table, all), c.ops)
		}
	}
	for _, t := range []event.Table{event.TableProcess, event.TableNetwork, event.TableFilesystem, event.TablePerformance} {
		if all := anyOf[t]; len(all) > 0 {
			var ops []event.Operation
			for _, c := range categories {
				if c.table == t {
					ops = append(ops, c.ops...)
				}
			}
			slices.Sort(ops)
			e.add(build(t, all), slices.Compact(ops))
		}
	}
	return e
}

// place puts a rule where its fields are. It returns why, if that is nowhere.
func (e *Engine) place(r *sigma.Rule, o *Options, sources []category, byCategory map[string][]*sigma.Rule, anyOf map[event.Table][]*sigma.Rule) *Inactive {
	if r.LogSource.Category != "" {
		c := sources[0]
		if name := missing(r, c.table, o); name != "" {
			return noField(r, name, c.table)
		}
		byCategory[c.name] = append(byCategory[c.name], r)
		return nil
	}
	var placed []event.Table
	for _, c := range sources {
		if !slices.Contains(placed, c.table) && missing(r, c.table, o) == "" {
			placed = append(placed, c.table)
			anyOf[c.table] = append(anyOf[c.table], r)
		}
	}
	if len(placed) == 0 {
		return noField(r, missing(r, sources[0].table, o), sources[0].table)
	}
	return nil
}

func (e *Engine) add(p *program, ops []event.Operation) {
	i := int32(len(e.programs))
	e.programs = append(e.programs, p)
	for _, op := range ops {
		e.ops[p.table][op] = append(e.ops[p.table][op], i)
	}
}

// Active returns the rules that can match.
func (e *Engine) Active() []*sigma.Rule { return e.active }

// Inactive returns the others, each with the reason.
func (e *Engine) Inactive() []Inactive { return e.inactive }

// Unindexed reports whether a rule is evaluated for each event of its log source, because
// it has no witness.
func (e *Engine) Unindexed(r *sigma.Rule) bool {
	for _, p := range e.programs {
		for _, i := range p.always {
			if p.rules[i].rule == r {
				return true
			}
		}
	}
	return false
}

// Tables returns the tables in whose events a rule can match, none for an inactive one.
func (e *Engine) Tables(r *sigma.Rule) (all []event.Table) {
	for _, p := range e.programs {
		for i := range p.rules {
			if p.rules[i].rule == r && !slices.Contains(all, p.table) {
				all = append(all, p.table)
			}
		}
	}
	return all
}
