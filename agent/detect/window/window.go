package window

import (
	"container/list"
	"fmt"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// Options are the bounds of a Correlator. The zero Options are the defaults.
type Options struct {
	Groups  int           // of a correlation; 0: 10,000
	Entries int           // of a group; 0: 1,000
	Bytes   int           // of a correlation, about; 0: 16 MiB
	All     int           // bytes of all correlations together, about; 0: 32 MiB
	Age     time.Duration // the longest timespan; 0: seven days
}

func (o *Options) defaults() {
	if o.Groups <= 0 {
		o.Groups = 10_000
	}
	if o.Entries <= 0 {
		o.Entries = 1_000
	}
	if o.Bytes <= 0 {
		o.Bytes = 16 << 20
	}
	if o.All <= 0 {
		o.All = 32 << 20
	}
	if o.Age <= 0 {
		o.Age = 7 * 24 * time.Hour
	}
}

// Seen is one match that a correlation counted.
type Seen struct {
	Name       string // the member, as people call it
	Time       time.Time
	PID        uint32
	StartTicks uint64
	Sequence   uint64
}

// Fired is a correlation that holds.
type Fired struct {
	Correlation *sigma.Correlation
	Group       []string // the values of group-by
	First, Last time.Time
	Count       int    // matches in the window
	Members     []Seen // the last of them, at most maxMembers
	Lost        bool   // events were lost between the first and the last one
	Incomplete  bool   // they were, or fields could not be read
}

const maxMembers = 20

// Match is a rule that matched the event.
type Match struct {
	Rule       *sigma.Rule
	Incomplete bool
}

// Stats are counts since New.
type Stats struct {
	Groups, Entries int    // there are now
	Bytes           int    // they take, about
	Ungrouped       uint64 // matches without a field of group-by
	Valueless       uint64 // matches without the value that is looked at
	EvictedGroups   uint64 // for want of room
	EvictedEntries  uint64
	Restarted       uint64 // groups of which the clock went back
	Fired           uint64
}

// Inactive is a correlation that cannot fire here, and why.
type Inactive struct {
	Correlation *sigma.Correlation
	Reason      string
}

// Correlator evaluates correlations.
//
// One goroutine at a time.
type Correlator struct {
	options  Options
	all      []*correlation
	byRule   map[*sigma.Rule][]use
	byOther  map[*sigma.Correlation][]use
	inactive []Inactive
	losses   []Loss
	bytes    int // of all correlations
	stats    Stats
	buffer   []byte
}

// use is a member of a correlation, by its number.
type use struct {
	in     *correlation
	member int
}

// correlation is one correlation, and what it has seen.
type correlation struct {
	*sigma.Correlation
	members []member
	tables  []event.Table // of the events that it counts
	*state
}

// state is what a correlation has seen. It outlives the correlation where the next one
// means the same.
type state struct {
	all    *int // bytes of all correlations
	groups map[string]*list.Element
	recent list.List // of *group, the one that was used last in front
	bytes  int
	count  int // entries of all groups
}

// add counts bytes, here and in the sum of all correlations.
func (s *state) add(bytes int) {
	s.bytes += bytes
	*s.all += bytes
}

// member are the fields that stand for those of a correlation in one of its members,
// by table of the event.
type member struct {
	label   string
	groupBy map[event.Table][]event.Field
	fields  map[event.Table][]event.Field
}

// New returns a Correlator. Tables returns the tables in which a rule is active, none for one
// that is not. A correlation that needs an inactive rule, or a field that nobody
// collects, is inactive.
func New(all []*sigma.Correlation, tables func(*sigma.Rule) []event.Table, o Options) *Correlator {
	o.defaults()
	c := &Correlator{options: o, byRule: map[*sigma.Rule][]use{}, byOther: map[*sigma.Correlation][]use{}}
	dead := map[*sigma.Correlation]bool{}
	of := tablesOf{rules: tables, known: map[*sigma.Correlation][]event.Table{}}
	for again := true; again; { // until no more of them depend on a dead one
		again = false
		for _, x := range all {
			if dead[x] {
				continue
			}
			if reason := c.problem(x, of, dead); reason != "" {
				c.inactive = append(c.inactive, Inactive{x, reason})
				dead[x], again = true, true
			}
		}
	}
	for _, x := range all {
		if !dead[x] {
			c.add(x, of)
		}
	}
	return c
}

// tablesOf finds the tables of the events that complete a member.
type tablesOf struct {
	rules func(*sigma.Rule) []event.Table
	known map[*sigma.Correlation][]event.Table
}

func (t tablesOf) member(m *sigma.Member) []event.Table {
	if m.Rule != nil {
		return t.rules(m.Rule)
	}
	tables, ok := t.known[m.Correlation]
	if !ok {
		seen := map[event.Table]bool{}
		for _, x := range m.Correlation.Members {
			for _, table := range t.member(x) {
				if !seen[table] {
					seen[table] = true
					tables = append(tables, table)
				}
			}
		}
		t.known[m.Correlation] = tables
	}
	return tables
}

// problem returns why a correlation cannot fire here, empty if it can.
func (c *Correlator) problem(x *sigma.Correlation, of tablesOf, dead map[*sigma.Correlation]bool) string {
	if x.Span > c.options.Age {
		return fmt.Sprintf("it looks back %v, and at most %v are kept", x.Span, c.options.Age)
	}
	for _, b := range x.Bounds {
		n, whole := b.Number.Uint()
		if (x.Kind == sigma.EventCount || x.Kind == sigma.ValueCount) && whole && n > uint64(c.options.Entries) {
			return fmt.Sprintf("it counts to %d, and at most %d matches of a group are kept", n, c.options.Entries)
		}
	}
	for _, m := range x.Members {
		if dead[m.Correlation] {
			return "it counts " + m.Name + ", which is inactive"
		}
		tables := of.member(m)
		if len(tables) == 0 {
			return "it counts " + m.Name + ", which is inactive"
		}
		for _, name := range append(append([]string(nil), x.GroupBy...), x.Fields...) {
			for _, t := range tables {
				if f, ok := event.FieldByName(t, x.FieldOf(name, m)); !ok || f.Kind() == event.KindPairs {
					return fmt.Sprintf("nobody collects field %s of %v events, of which %s is", x.FieldOf(name, m), t, m.Name)
				}
			}
		}
	}
	return ""
}

func (c *Correlator) add(x *sigma.Correlation, of tablesOf) {
	y := &correlation{Correlation: x, state: &state{all: &c.bytes, groups: map[string]*list.Element{}}}
	for i, m := range x.Members {
		z := member{groupBy: map[event.Table][]event.Field{}, fields: map[event.Table][]event.Field{}}
		for _, t := range of.member(m) {
			if !slices.Contains(y.tables, t) {
				y.tables = append(y.tables, t)
			}
			for _, name := range x.GroupBy {
				z.groupBy[t] = append(z.groupBy[t], event.MustField(t, x.FieldOf(name, m)))
			}
			for _, name := range x.Fields {
				z.fields[t] = append(z.fields[t], event.MustField(t, x.FieldOf(name, m)))
			}
		}
		if m.Rule != nil {
			z.label = m.Rule.Label()
			c.byRule[m.Rule] = append(c.byRule[m.Rule], use{y, i})
		} else {
			z.label = m.Correlation.Label()
			c.byOther[m.Correlation] = append(c.byOther[m.Correlation], use{y, i})
		}
		y.members = append(y.members, z)
	}
	c.all = append(c.all, y)
}

// Inactive returns the correlations that cannot fire here.
func (c *Correlator) Inactive() []Inactive { return c.inactive }

// Stats returns the counts.
func (c *Correlator) Stats() Stats {
	s := c.stats
	for _, x := range c.all {
		s.Groups += x.recent.Len()
		s.Bytes += x.bytes
		s.Entries += x.count
	}
	return s
}

// Observe takes the rules that match an event, and returns the correlations that hold
// because of it, those that count others included.
func (c *Correlator) Observe(matches []Match, v event.View) (fired []Fired) {
	for _, m := range matches {
		for _, u := range c.byRule[m.Rule] {
			fired = c.observe(u, v, m.Incomplete, fired)
		}
	}
	return fired
}

// observe adds a match to one correlation, and goes on with those that count it. That
// ends, because none counts itself.
func (c *Correlator) observe(u use, v event.View, incomplete bool, fired []Fired) []Fired {
	f, ok := c.count(u, v, incomplete)
	if !ok {
		return fired
	}
	c.stats.Fired++
	fired = append(fired, f)
	for _, next := range c.byOther[f.Correlation] {
		fired = c.observe(next, v, f.Incomplete, fired)
	}
	return fired
}

// Loss is a time in which events were lost, both ends included.
type Loss struct {
	Type     event.Type // of the events; 0 where that is not known
	From, To time.Time
}

// maxLosses bounds what is kept of losses. One beyond that joins the oldest two into one
// that reaches over both.
const maxLosses = 256

// Lost notes that events were lost.
func (c *Correlator) Lost(l Loss) {
	if len(c.losses) == maxLosses {
		x, y := &c.losses[0], &c.losses[1]
		if x.Type != y.Type {
			y.Type = 0
		}
		if x.From.Before(y.From) {
			y.From = x.From
		}
		if x.To.After(y.To) {
			y.To = x.To
		}
		c.losses = append(c.losses[:0], c.losses[1:]...)
	}
	c.losses = append(c.losses, l)
}

// lostWithin reports whether events that x counts were lost between two times.
func (c *Correlator) lostWithin(x *correlation, first, last time.Time) bool {
	for _, l := range c.losses {
		if !l.To.Before(first) && !l.From.After(last) && (l.Type == 0 || slices.Contains(x.tables, event.Table(l.Type))) {
			return true
		}
	}
	return false
}

// Expire forgets the groups that are older than their window at t: the time of the
// caller's clock, because that of one event may be anything.
func (c *Correlator) Expire(t time.Time) {
	for _, x := range c.all {
		x.expire(t.UnixNano(), x.Span)
	}
	c.losses = slices.DeleteFunc(c.losses, func(l Loss) bool { return t.Sub(l.To) > c.options.Age })
}
