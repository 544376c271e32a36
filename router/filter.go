package router

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/daemoneye/eventbus/frame"
)

// filter is the compiled form of everything in a Subscription that looks at more
// than its patterns. It is evaluated on the routing thread, before the queue,
// without allocating: what it asks of the topic once for each route, the rest for
// each message, in one walk over the extension and steps that do not depend on how
// much is listed, but for the globs, which are few. Immutable.
type filter struct {
	topics Patterns // one must match, where there is any

	minPriority, maxPriority uint8
	eventTypes, sources      []set // each must hold the event's type, the source's name
	pids                     []uint32
	ids, parents, roots      set
	stages                   set
	globs                    []glob
	minSequence, maxSequence *uint64
	tags, metadata           wanted
	wantsAny                 bool // of tags

	extension  bool // whether the extension block matters beside its event type
	walk       bool // whether more of it does than the event type and the pid
	perMessage bool // whether anything but the topic matters
}

// Bounds of what a filter lists. Nothing longer can be in a message.
const (
	maxGlobs = 32
	maxName  = 256 // of a source
)

// compileFilter returns nil when the subscription passes every message.
func compileFilter(s *Subscription, wildcards bool) (*filter, error) {
	if err := s.checkFilters(); err != nil {
		return nil, err
	}
	c := &s.Capabilities
	f := &filter{maxPriority: c.maxPriority()}
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
			p, err := ParsePattern(text, wildcards)
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
	f.perMessage = f.extension || f.minPriority > 0 || f.maxPriority < frame.MaxPriority || f.eventTypes != nil || f.sources != nil
	if !f.perMessage && f.topics == nil {
		return nil, nil
	}
	return f, nil
}

func (f *filter) addEventTypes(list []string) {
	if len(list) > 0 {
		f.eventTypes = append(f.eventTypes, newSet(list))
	}
}

func (f *filter) addSources(list []string) {
	if len(list) > 0 {
		f.sources = append(f.sources, newSet(list))
	}
}

// checkFilters holds what the filters list against its bounds.
func (s *Subscription) checkFilters() error {
	c := &s.Capabilities
	if p := c.maxPriority(); p > frame.MaxPriority {
		return fmt.Errorf("%w: max_priority is %d, want at most %d", ErrSubscription, p, frame.MaxPriority)
	}
	lists := []struct {
		name string
		list []string
		max  int
	}{
		{"capabilities.event_types", c.EventTypes, frame.MaxID},
		{"capabilities.collectors", c.Collectors, maxName},
	}
	add := func(name string, list []string, max int) {
		lists = append(lists, struct {
			name string
			list []string
			max  int
		}{name, list, max})
	}
	var maps [3]map[string]string
	if e := s.EventFilter; e != nil {
		if e.MinPriority > frame.MaxPriority {
			return fmt.Errorf("%w: min_priority is %d, want at most %d", ErrSubscription, e.MinPriority, frame.MaxPriority)
		}
		add("event_filter.event_types", e.EventTypes, frame.MaxID)
		add("event_filter.sources", e.Sources, maxName)
		maps[0] = e.Metadata
	}
	if c := s.CorrelationFilter; c != nil {
		if len(c.Patterns) > maxGlobs {
			return fmt.Errorf("%w: %d correlation_filter.patterns, want at most %d", ErrSubscription, len(c.Patterns), maxGlobs)
		}
		add("correlation_filter.ids", c.IDs, frame.MaxID)
		add("correlation_filter.patterns", c.Patterns, frame.MaxID)
		add("correlation_filter.parent_ids", c.ParentIDs, frame.MaxID)
		add("correlation_filter.root_ids", c.RootIDs, frame.MaxID)
		add("correlation_filter.workflow_stages", c.WorkflowStages, frame.MaxStage)
		maps[1], maps[2] = c.RequiredTags, c.AnyTags
	}
	for _, l := range lists {
		for _, v := range l.list {
			if len(v) > l.max {
				return fmt.Errorf("%w: %s takes entries of at most %d bytes", ErrSubscription, l.name, l.max)
			}
		}
	}
	for _, m := range maps {
		for k, v := range m {
			if k == "" || len(k) > frame.MaxKey || len(v) > frame.MaxValue {
				return fmt.Errorf("%w: a key takes 1 to %d bytes and a value at most %d", ErrSubscription, frame.MaxKey, frame.MaxValue)
			}
		}
	}
	if n := s.filterEntries(); n > maxFilterEntries {
		return fmt.Errorf("%w: %d filter entries, want at most %d", ErrSubscription, n, maxFilterEntries)
	}
	return nil
}

// filterEntries counts everything that is listed in the subscription's filters.
func (s *Subscription) filterEntries() int {
	n := len(s.Capabilities.EventTypes) + len(s.Capabilities.Collectors)
	if e := s.EventFilter; e != nil {
		n += len(e.EventTypes) + len(e.Sources) + len(e.PIDs) + len(e.Metadata) + len(e.Topics)
	}
	if c := s.CorrelationFilter; c != nil {
		n += len(c.IDs) + len(c.Patterns) + len(c.ParentIDs) + len(c.RootIDs) + len(c.WorkflowStages) + len(c.RequiredTags) + len(c.AnyTags)
	}
	return n
}

// size is how many bytes the strings have that the subscription lists.
func (s *Subscription) size() (n int) {
	lists := [][]string{s.Patterns, s.Capabilities.EventTypes, s.Capabilities.Collectors}
	var maps []map[string]string
	if e := s.EventFilter; e != nil {
		lists = append(lists, e.EventTypes, e.Sources, e.Topics)
		maps = append(maps, e.Metadata)
	}
	if c := s.CorrelationFilter; c != nil {
		lists = append(lists, c.IDs, c.Patterns, c.ParentIDs, c.RootIDs, c.WorkflowStages)
		maps = append(maps, c.RequiredTags, c.AnyTags)
	}
	for _, list := range lists {
		for _, v := range list {
			n += len(v)
		}
	}
	for _, m := range maps {
		for k, v := range m {
			n += len(k) + len(v)
		}
	}
	return n
}

// takes reports whether messages on topic can pass.
func (f *filter) takes(topic string) bool {
	return f == nil || len(f.topics) == 0 || f.topics.Match(topic)
}

// match reports whether the message passes, whose topic the filter takes. topic is
// fr's topic as the route holds it and source the name of the connection that sent
// it.
func (f *filter) match(fr frame.Frame, topic, source string) bool {
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
func (f *filter) matchEventType(t []byte, topic string) bool {
	for _, types := range f.eventTypes {
		ok := false
		if t != nil {
			ok = types.takes(t)
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
func (f *filter) matchExtension(ext frame.Extension, topic string) bool {
	var (
		id, parent, root, stage, eventType, pid, sequence []byte
		tags, metadata                                    sought
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
			tags.see(&f.tags, value)
		case frame.TagMetadata:
			metadata.see(&f.metadata, value)
		}
		return true
	})
	if root == nil {
		root = id // a message without a root is its own
	}
	return f.matchEventType(eventType, topic) && f.matchPID(pid) &&
		metadata.found == f.metadata.required &&
		f.ids.takes(id) && f.parents.takes(parent) && f.roots.takes(root) && f.stages.takes(stage) &&
		tags.found == f.tags.required && (tags.any || !f.wantsAny) &&
		f.matchSequence(sequence) &&
		(f.globs == nil || matchAnyGlob(f.globs, id) || matchAnyGlob(f.globs, parent) || matchAnyGlob(f.globs, root))
}

func secondSegment(topic string) string {
	_, rest, _ := strings.Cut(topic, ".")
	second, _, _ := strings.Cut(rest, ".")
	return second
}

func (f *filter) matchPID(pid []byte) bool {
	if len(f.pids) == 0 {
		return true
	}
	if len(pid) != 4 {
		return false
	}
	_, hit := slices.BinarySearch(f.pids, binary.LittleEndian.Uint32(pid))
	return hit
}

func (f *filter) matchSequence(sequence []byte) bool {
	if f.minSequence == nil && f.maxSequence == nil {
		return true
	}
	if len(sequence) != 8 {
		return false
	}
	n := binary.LittleEndian.Uint64(sequence)
	return (f.minSequence == nil || n >= *f.minSequence) && (f.maxSequence == nil || n <= *f.maxSequence)
}
