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
// without allocating: what it asks of the topic once for each route, the rest for
// each message, in one walk over the extension and steps that do not depend on how
// much is listed, but for the globs, which are few. Immutable.
type Filter struct {
	topics topic.Patterns // one must match, where there is any

	minPriority, maxPriority uint8
	eventTypes, sources      []set // each must hold the event's type, the source's name
	pids                     []uint32
	ids, parents, roots      set
	stages                   set
	globs                    []glob
	minSequence, maxSequence *uint64
	tags, metadata           tagFilter
	wantsAny                 bool // of tags

	extension  bool // whether the extension block matters beside its event type
	walk       bool // whether more of it does than the event type and the pid
	PerMessage bool // whether anything but the topic matters
}

// Bounds of what a filter lists. Nothing longer can be in a message.
const (
	maxGlobs = 32
	maxName  = 256 // of a source
)

// Compile returns nil when the subscription passes every message.
func Compile(s *bus.Subscription, wildcards bool) (*Filter, error) {
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
	f.walk = f.metadata.keys != nil
	if c := s.CorrelationFilter; c != nil {
		f.ids, f.parents, f.roots, f.stages = newSet(c.IDs), newSet(c.ParentIDs), newSet(c.RootIDs), newSet(c.WorkflowStages)
		f.globs = compileGlobs(c.Patterns)
		f.tags.require(c.RequiredTags)
		f.tags.anyOf(c.AnyTags)
		f.wantsAny = len(c.AnyTags) > 0
		f.minSequence, f.maxSequence = c.MinSequence, c.MaxSequence
		f.walk = f.walk || f.ids != nil || f.parents != nil || f.roots != nil || f.stages != nil ||
			f.globs != nil || f.tags.keys != nil || f.minSequence != nil || f.maxSequence != nil
	}
	f.extension = f.walk || len(f.pids) > 0
	f.PerMessage = f.extension || f.minPriority > 0 || f.maxPriority < frame.MaxPriority || f.eventTypes != nil || f.sources != nil
	if !f.PerMessage && f.topics == nil {
		return nil, nil
	}
	return f, nil
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

// Match reports whether the message passes, whose topic the filter takes. topic is
// fr's topic as the route holds it and source the name of the connection that sent
// it.
func (f *Filter) Match(fr frame.Frame, topic, source string) bool {
	if p := fr.Priority(); p < f.minPriority || p > f.maxPriority {
		return false
	}
	for _, names := range f.sources {
		if _, ok := names[source]; !ok {
			return false
		}
	}
	if !f.extension && f.eventTypes == nil {
		return true
	}
	ext := fr.Extension()
	if f.walk {
		return f.matchExtension(ext, topic)
	}
	if f.eventTypes != nil {
		if t, _ := ext.Lookup(frame.TagEventType); !f.matchEventType(t, topic) {
			return false
		}
	}
	if len(f.pids) == 0 {
		return true
	}
	pid, _ := ext.Lookup(frame.TagPID)
	return f.matchPID(pid)
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

// matchExtension is match for all that the extension block says, in one walk.
func (f *Filter) matchExtension(ext frame.Extension, topic string) bool {
	var (
		id, parent, root, stage, eventType, pid, sequence []byte
		tags, metadata                                    tagSearch
	)
	ext.Walk(func(tag byte, value []byte) bool {
		switch tag {
		case frame.TagCorrelation:
			id = value
		case frame.TagParent:
			parent = value
		case frame.TagRoot:
			root = value
		case frame.TagStage:
			stage = value
		case frame.TagEventType:
			eventType = value
		case frame.TagPID:
			pid = value
		case frame.TagSequence:
			sequence = value
		case frame.TagTag:
			tags.visit(&f.tags, value)
		case frame.TagMetadata:
			metadata.visit(&f.metadata, value)
		}
		return true
	})
	if root == nil {
		root = id // a message without a root is its own
	}
	return f.matchEventType(eventType, topic) && f.matchPID(pid) &&
		metadata.found == f.metadata.required &&
		f.ids.contains(id) && f.parents.contains(parent) && f.roots.contains(root) && f.stages.contains(stage) &&
		tags.found == f.tags.required && (tags.any || !f.wantsAny) &&
		f.matchSequence(sequence) &&
		(f.globs == nil || matchAnyGlob(f.globs, id) || matchAnyGlob(f.globs, parent) || matchAnyGlob(f.globs, root))
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
