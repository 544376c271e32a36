package window

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// group is the window of one group of a correlation.
type group struct {
	of      *state
	key     string
	names   []string
	entries []entry        // by time; of the same time as they came
	values  map[string]int // how many entries have each value
	members []int          // how many entries are of each member
}

// entry is one match.
type entry struct {
	at         int64
	member     int
	value      string  // folded, of the kinds that count values
	number     float64 // of the kinds that compute
	seen       Seen
	incomplete bool
}

// count adds a match to its group. It reports whether the correlation holds, and what
// fires then.
func (c *Correlator) count(u use, v event.View, incomplete bool) (Fired, bool) {
	x, m := u.in, &u.in.members[u.member]
	names, ok := c.texts(v, m.groupBy[v.Table()])
	if !ok {
		c.stats.Ungrouped++
		return Fired{}, false
	}
	e := entry{at: v.WallNs(), member: u.member, incomplete: incomplete,
		seen: Seen{Name: m.label, Time: v.Time(), PID: v.PID(), StartTicks: v.StartTicks(), Sequence: v.Sequence()}}
	if len(x.Fields) > 0 && !c.value(x, &e, v, m.fields[v.Table()]) {
		c.stats.Valueless++
		return Fired{}, false
	}
	g := c.group(x, names)
	g.insert(e)
	if newest := g.entries[len(g.entries)-1].at; e.at < newest-int64(x.Span) {
		c.stats.Restarted++
		g.clear()
		g.insert(e)
	}
	g.prune(g.entries[len(g.entries)-1].at - int64(x.Span))
	c.keepBounds(g)
	if !x.holds(g) {
		return Fired{}, false
	}
	f := x.fired(g)
	f.Lost = c.lostWithin(x, f.First, f.Last)
	f.Incomplete = f.Incomplete || f.Lost
	x.forget(g)
	return f, true
}

// keepBounds makes a correlation forget what is too much: groups that were not used for
// long, or else the oldest of the one that was used now.
func (c *Correlator) keepBounds(g *group) {
	for len(g.entries) > c.options.Entries {
		c.stats.EvictedEntries++
		g.remove(1)
	}
	for g.of.bytes > c.options.Bytes && c.evict(g.of, g) {
	}
	for c.bytes > c.options.All && c.evict(c.fattest(), g) {
	}
}

// evict makes a state forget something, but not the last match of g. It reports whether
// there was anything else.
func (c *Correlator) evict(s *state, g *group) bool {
	switch last := s.recent.Back().Value.(*group); {
	case last != g:
		c.stats.EvictedGroups++
		s.forget(last)
	case len(g.entries) > 1:
		c.stats.EvictedEntries++
		g.remove(1)
	default:
		return false
	}
	return true
}

// fattest returns the state that takes most.
func (c *Correlator) fattest() *state {
	return slices.MaxFunc(c.all, func(x, y *correlation) int { return cmp.Compare(x.bytes, y.bytes) }).state
}

// group returns the group of these values, which was used last from now on.
func (c *Correlator) group(x *correlation, names []string) *group {
	key := tuple(names)
	if e, ok := x.groups[key]; ok {
		x.recent.MoveToFront(e)
		return e.Value.(*group)
	}
	for x.recent.Len() >= c.options.Groups {
		c.stats.EvictedGroups++
		x.forget(x.recent.Back().Value.(*group))
	}
	g := &group{of: x.state, key: key, names: names, values: map[string]int{}, members: make([]int, len(x.members))}
	x.groups[key] = x.recent.PushFront(g)
	x.add(g.size())
	return g
}

// What a group and an entry take besides their texts, and a group besides the counts of its
// members, about.
const (
	groupSize = 320
	entrySize = 176
)

func (g *group) size() int { return groupSize + 2*len(g.key) + 8*len(g.members) }
func (e *entry) size() int { return entrySize + len(e.value) }

// tuple joins texts so that different ones give different results.
func tuple(texts []string) string {
	var b []byte
	for _, t := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(t))), t...)
	}
	return string(b)
}

func (s *state) forget(g *group) {
	g.clear()
	s.add(-g.size())
	s.recent.Remove(s.groups[g.key])
	delete(s.groups, g.key)
}

// expire forgets the groups of which all is older than the window at a time.
func (s *state) expire(at int64, span time.Duration) {
	for e := s.recent.Front(); e != nil; {
		g := e.Value.(*group)
		e = e.Next()
		if g.entries[len(g.entries)-1].at < at-int64(span) {
			s.forget(g)
		}
	}
}

// insert puts an entry in its place by time, behind those of the same time.
func (g *group) insert(e entry) {
	i := len(g.entries)
	for i > 0 && g.entries[i-1].at > e.at {
		i--
	}
	g.entries = slices.Insert(g.entries, i, e)
	g.members[e.member]++
	g.values[e.value]++
	g.of.count++
	g.of.add(e.size())
}

// remove removes the oldest n. The others stay where they are: a full group that is moved
// for each match, as in a flood, takes 3.0 us a match, and so it takes 0.56
// (BenchmarkAFullGroup).
func (g *group) remove(n int) {
	for i := range n {
		e := &g.entries[i]
		g.members[e.member]--
		g.of.count--
		g.of.add(-e.size())
		if g.values[e.value]--; g.values[e.value] == 0 {
			delete(g.values, e.value)
		}
	}
	clear(g.entries[:n]) // they point to texts
	g.entries = g.entries[n:]
}

func (g *group) clear() { g.remove(len(g.entries)) }

// prune removes what is older than a time.
func (g *group) prune(oldest int64) {
	n := 0
	for n < len(g.entries) && g.entries[n].at < oldest {
		n++
	}
	g.remove(n)
}

// holds reports whether what a group has is within the bounds.
func (x *correlation) holds(g *group) bool {
	n := x.measure(g)
	for _, b := range x.Bounds {
		if !b.Op.Holds(n.Compare(b.Number)) {
			return false
		}
	}
	return true
}

// measure returns what the correlation looks at.
func (x *correlation) measure(g *group) expr.Number {
	switch x.Kind {
	case sigma.ValueCount:
		return expr.Uint(uint64(len(g.values)))
	case sigma.Temporal:
		n := uint64(0)
		for _, count := range g.members {
			if count > 0 {
				n++
			}
		}
		return expr.Uint(n)
	case sigma.TemporalOrdered:
		next := 0
		for i := range g.entries {
			if next < len(x.members) && g.entries[i].member == next {
				next++
			}
		}
		return expr.Uint(uint64(next))
	case sigma.ValueSum, sigma.ValueAverage:
		sum := 0.0
		for i := range g.entries {
			sum += g.entries[i].number
		}
		if x.Kind == sigma.ValueAverage {
			sum /= float64(len(g.entries))
		}
		return expr.Float(sum)
	case sigma.ValuePercentile, sigma.ValueMedian:
		return expr.Float(g.percentile(x.Percentile))
	}
	return expr.Uint(uint64(len(g.entries)))
}

// percentile returns the least value that so many percent are not above.
func (g *group) percentile(p float64) float64 {
	all := make([]float64, len(g.entries))
	for i := range g.entries {
		all[i] = g.entries[i].number
	}
	slices.Sort(all)
	return all[max(int(math.Ceil(p/100*float64(len(all)))), 1)-1]
}

func (x *correlation) fired(g *group) Fired {
	f := Fired{Correlation: x.Correlation, Group: g.names, Count: len(g.entries)}
	f.First, f.Last = g.entries[0].seen.Time, g.entries[len(g.entries)-1].seen.Time
	for i := range g.entries {
		f.Incomplete = f.Incomplete || g.entries[i].incomplete
		if i >= len(g.entries)-maxMembers {
			f.Members = append(f.Members, g.entries[i].seen)
		}
	}
	return f
}

// value fills in what a correlation looks at, and reports whether it is there.
func (c *Correlator) value(x *correlation, e *entry, v event.View, fields []event.Field) bool {
	texts, ok := c.texts(v, fields)
	if !ok {
		return false
	}
	if x.Kind == sigma.ValueCount {
		e.value = expr.Fold(tuple(texts))
		return true
	}
	f, err := strconv.ParseFloat(texts[0], 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return false
	}
	e.number = f
	return true
}

// texts returns the values of fields, and whether all of them are there.
func (c *Correlator) texts(v event.View, fields []event.Field) (all []string, ok bool) {
	for _, f := range fields {
		c.buffer = c.buffer[:0]
		if !c.text(v, f) {
			return nil, false
		}
		all = append(all, string(c.buffer))
	}
	return all, true
}

// text puts the text of a field in the buffer. Several values are joined.
func (c *Correlator) text(v event.View, f event.Field) bool {
	switch f.Kind() {
	case event.KindText:
		text := v.Text(f)
		c.buffer = append(c.buffer, text...)
		return text != nil
	case event.KindList:
		for i := range v.Len(f) {
			if i > 0 {
				c.buffer = append(c.buffer, 0)
			}
			c.buffer = append(c.buffer, bytes.ReplaceAll(v.Item(f, i), []byte{0}, nil)...)
		}
		return v.Len(f) > 0
	case event.KindKey:
		c.buffer = v.AppendKey(c.buffer, f)
		return len(c.buffer) > 0
	case event.KindNumbers:
		for i := range v.Len(f) {
			n, _ := v.ItemUint(f, i)
			c.buffer = strconv.AppendUint(append(c.buffer, ' '), n, 10)
		}
		return v.Len(f) > 0
	}
	n, ok := v.Uint(f)
	switch f.Kind() {
	case event.KindRatio:
		c.buffer = strconv.AppendFloat(c.buffer, float64(n)/1e6, 'f', -1, 64)
	case event.KindTime:
		c.buffer = time.Unix(0, int64(n)).UTC().AppendFormat(c.buffer, time.RFC3339Nano)
	default:
		c.buffer = strconv.AppendUint(c.buffer, n, 10)
	}
	return ok
}
