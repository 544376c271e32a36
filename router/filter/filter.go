package filter

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/topic"
)

// Filter is the compiled form of everything in a Subscription that looks at more
// than its patterns. It is evaluated on the routing thread, before the queue,
// without allocating. Conditions on the topic are evaluated once for each route, all
// others once for each message. The cost of a message does not grow with the length of the
// lists, except for globs, which are few. Immutable.
type Filter struct {
	topics topic.Patterns // one must match, where there is any

	minPriority, maxPriority uint8
	eventTypes, sources      []set // each must hold the event's type, the source's name
	pids                     []uint32
	ids, parents, roots      set
	stages                   set
	globs                    globs
	minSequence, maxSequence *uint64
	tags, metadata           tagFilter
	wantsAny                 bool // of tags

	// Needs is what it looks at of the extension, PerMessage reports whether anything but
	// the topic matters, and Pairs whether it looks at tags or metadata.
	Needs             Needs
	PerMessage, Pairs bool
	// Work is what a message costs, in steps; pairs cost PairWork each beside that.
	Work int
}

// The work of a filter is counted in steps of about 10 ns, on the machine that the other
// figures are from (BenchmarkFilter).
const (
	baseWork    = 1
	setWork     = 2 // to find something in a set
	globWork    = 1
	pieceWork   = 2 // between two stars of a glob
	PairWork    = 2
	correlating = 4
)

// Bounds of what a filter lists. Nothing longer can be in a message.
const (
	maxGlobs = 32
	maxName  = 256 // of a source
)

// compile returns nil when the subscription passes every message.
func compile(s *bus.Subscription, wildcards bool) (*Filter, error) {
	if err := check(s); err != nil {
		return nil, err
	}
	c := &s.Capabilities
	f := &Filter{maxPriority: c.PriorityLimit()}
	f.addEventTypes(c.EventTypes)
	if !slices.Contains(c.Collectors, "*") {
		f.addSources(c.Collectors)
	}
	if e := s.EventFilter; e != nil {
		f.minPriority = e.MinPriority
		f.addEventTypes(e.EventTypes)
		f.addSources(e.Sources)
		f.pids = slices.Sorted(slices.Values(e.PIDs))
		f.metadata.require(e.Metadata)
		for _, text := range e.Topics {
			p, err := topic.ParsePattern(text, wildcards)
			if err != nil {
				return nil, fmt.Errorf("event_filter.topics: %w", err)
			}
			f.topics = append(f.topics, p)
		}
	}
	correlates := f.metadata.keys != nil
	if c := s.CorrelationFilter; c != nil {
		f.ids, f.parents, f.roots, f.stages = newSet(c.IDs), newSet(c.ParentIDs), newSet(c.RootIDs), newSet(c.WorkflowStages)
		f.globs = compileGlobs(c.Patterns)
		f.tags.require(c.RequiredTags)
		f.tags.anyOf(c.AnyTags)
		f.wantsAny = len(c.AnyTags) > 0
		f.minSequence, f.maxSequence = c.MinSequence, c.MaxSequence
		correlates = correlates || f.ids != nil || f.parents != nil || f.roots != nil || f.stages != nil ||
			f.globs.all != nil || f.tags.keys != nil || f.minSequence != nil || f.maxSequence != nil
	}
	for need, has := range map[Needs]bool{EventType: f.eventTypes != nil, PID: len(f.pids) > 0, Correlation: correlates} {
		if has {
			f.Needs |= need
		}
	}
	f.PerMessage = f.Needs != 0 || f.minPriority > 0 || f.maxPriority < frame.MaxPriority || f.sources != nil
	f.Pairs = f.tags.keys != nil || f.metadata.keys != nil
	f.Work = f.work()
	if !f.PerMessage && f.topics == nil {
		return nil, nil
	}
	return f, nil
}

func (f *Filter) work() int {
	n := baseWork + setWork*(len(f.sources)+len(f.eventTypes))
	if f.Needs&Correlation != 0 {
		n += correlating
		for _, s := range [...]set{f.ids, f.parents, f.roots, f.stages} {
			if s != nil {
				n += setWork
			}
		}
	}
	for i := range f.globs.all {
		n += globWork + pieceWork*len(f.globs.all[i].middle)
	}
	return n
}

func (f *Filter) addEventTypes(list []string) {
	if len(list) > 0 {
		f.eventTypes = append(f.eventTypes, newSet(list))
	}
}

func (f *Filter) addSources(list []string) {
	if len(list) > 0 {
		f.sources = append(f.sources, newSet(list))
	}
}

// MatchesTopic reports whether messages on topic can pass.
func (f *Filter) MatchesTopic(topic string) bool {
	return f == nil || len(f.topics) == 0 || f.topics.Match(topic)
}

// Match reports whether the message passes. Its topic must already have passed
// MatchesTopic. topic is the
// message's topic as the route holds it, and source the name of the connection that sent
// it. The message was parsed for the filter's Needs.
func (f *Filter) Match(m *Message, topic, source string) bool {
	if m.priority < f.minPriority || m.priority > f.maxPriority {
		return false
	}
	for _, names := range f.sources {
		if _, ok := names[source]; !ok {
			return false
		}
	}
	return f.matchEventType(m.eventType, topic) && f.matchPID(m.pid) && (f.Needs&Correlation == 0 || f.matchCorrelation(m))
}

// matchEventType takes the event's type, which is the topic's second segment where
// the extension has none.
func (f *Filter) matchEventType(t []byte, topic string) bool {
	for _, types := range f.eventTypes {
		ok := false
		if t != nil {
			ok = types.contains(t)
		} else {
			_, ok = types[secondSegment(topic)]
		}
		if !ok {
			return false
		}
	}
	return true
}

// matchCorrelation is Match for what the extension has beside event type and pid.
func (f *Filter) matchCorrelation(m *Message) bool {
	return f.ids.contains(m.id) && f.parents.contains(m.parent) && f.roots.contains(m.root) && f.stages.contains(m.stage) &&
		f.matchSequence(m.sequence) && f.matchPairs(m) && (f.globs.all == nil || f.matchGlobs(m))
}

// matchPairs looks at tags and metadata.
func (f *Filter) matchPairs(m *Message) bool {
	if !f.Pairs {
		return true
	}
	var tags, metadata tagSearch
	if f.tags.keys != nil {
		for _, at := range m.tags[:m.tagCount] {
			tags.visit(&f.tags, m, at)
		}
	}
	if f.metadata.keys != nil {
		for _, at := range m.metadata[:m.metadataCount] {
			metadata.visit(&f.metadata, m, at)
		}
	}
	return metadata.found == f.metadata.required && tags.found == f.tags.required && (tags.any || !f.wantsAny)
}

// matchGlobs tries the globs on the message's ids, each once where several are the same.
func (f *Filter) matchGlobs(m *Message) bool {
	return f.globs.match(m.id) || m.parentIsOther && f.globs.match(m.parent) || m.rootIsOther && f.globs.match(m.root)
}

func secondSegment(topic string) string {
	_, rest, _ := strings.Cut(topic, ".")
	second, _, _ := strings.Cut(rest, ".")
	return second
}

func (f *Filter) matchPID(pid []byte) bool {
	if len(f.pids) == 0 {
		return true
	}
	if len(pid) != 4 {
		return false
	}
	_, hit := slices.BinarySearch(f.pids, binary.LittleEndian.Uint32(pid))
	return hit
}

func (f *Filter) matchSequence(sequence []byte) bool {
	if f.minSequence == nil && f.maxSequence == nil {
		return true
	}
	if len(sequence) != 8 {
		return false
	}
	n := binary.LittleEndian.Uint64(sequence)
	return (f.minSequence == nil || n >= *f.minSequence) && (f.maxSequence == nil || n <= *f.maxSequence)
}
