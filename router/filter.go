package router

import (
	"fmt"
	"slices"
	"strings"

	"github.com/daemoneye/eventbus/frame"
)

// filter is the compiled form of everything in a Subscription that looks at a
// message and not only at its topic. It is evaluated on the routing thread,
// before the queue, without allocating. Immutable.
type filter struct {
	minPriority, maxPriority uint8
	eventTypes               [][]string // each list must hold the event's type
	sources                  [][]string // each list must hold the source's name
	topics                   Patterns
	pids                     []uint32
	metadata                 []pair
	corr                     *CorrelationFilter
	globs                    []string
	required, any            []pair
	extension                bool // whether the extension block matters at all
}

type pair struct{ key, value string }

// compileFilter returns nil when the subscription passes every message.
func compileFilter(s *Subscription) (*filter, error) {
	f := &filter{maxPriority: s.Capabilities.maxPriority()}
	if f.maxPriority > frame.MaxPriority {
		return nil, fmt.Errorf("%w: max_priority is %d, want at most %d", ErrSubscription, f.maxPriority, frame.MaxPriority)
	}
	addList(&f.eventTypes, s.Capabilities.EventTypes)
	if !slices.Contains(s.Capabilities.Collectors, "*") {
		addList(&f.sources, s.Capabilities.Collectors)
	}
	if e := s.EventFilter; e != nil {
		if f.minPriority = e.MinPriority; f.minPriority > frame.MaxPriority {
			return nil, fmt.Errorf("%w: min_priority is %d, want at most %d", ErrSubscription, f.minPriority, frame.MaxPriority)
		}
		addList(&f.eventTypes, e.EventTypes)
		addList(&f.sources, e.Sources)
		f.pids = slices.Sorted(slices.Values(e.PIDs))
		f.metadata = pairs(e.Metadata)
		topics, err := ParsePatterns(e.Topics...)
		if err != nil {
			return nil, fmt.Errorf("event_filter.topics: %w", err)
		}
		f.topics = topics
	}
	if c := s.CorrelationFilter; c != nil {
		f.corr = c
		f.required, f.any = pairs(c.RequiredTags), pairs(c.AnyTags)
		f.globs = c.Patterns
		for _, g := range c.Patterns {
			if len(g) > maxSubscriberID {
				return nil, fmt.Errorf("%w: a correlation pattern takes at most %d bytes", ErrSubscription, maxSubscriberID)
			}
		}
	}
	if entries := s.filterEntries(); entries > maxFilterEntries {
		return nil, fmt.Errorf("%w: %d filter entries, want at most %d", ErrSubscription, entries, maxFilterEntries)
	}
	f.extension = f.corr != nil || len(f.pids) > 0 || len(f.metadata) > 0
	if !f.extension && f.minPriority == 0 && f.maxPriority == frame.MaxPriority && f.eventTypes == nil && f.sources == nil && len(f.topics) == 0 {
		return nil, nil
	}
	return f, nil
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

func addList(dst *[][]string, list []string) {
	if len(list) > 0 {
		*dst = append(*dst, list)
	}
}

func pairs(m map[string]string) []pair {
	var ps []pair
	for k, v := range m {
		ps = append(ps, pair{k, v})
	}
	return ps
}

// match reports whether the message passes. topic is fr's topic as the route
// holds it and source the name of the connection that sent it.
func (f *filter) match(fr frame.Frame, topic, source string) bool {
	if p := fr.Priority(); p < f.minPriority || p > f.maxPriority {
		return false
	}
	for _, names := range f.sources {
		if !slices.Contains(names, source) {
			return false
		}
	}
	if len(f.topics) > 0 && !f.topics.Match(topic) {
		return false
	}
	ext := fr.Extension()
	if len(f.eventTypes) > 0 && !f.matchEventType(ext, topic) {
		return false
	}
	if !f.extension {
		return true
	}
	return f.matchPID(ext) && f.matchMetadata(ext) && f.matchCorrelation(ext)
}

func (f *filter) matchEventType(ext frame.Extension, topic string) bool {
	have, ok := ext.Lookup(frame.TagEventType)
	for _, types := range f.eventTypes {
		hit := false
		for _, t := range types {
			if ok && string(have) == t || !ok && secondSegment(topic) == t {
				hit = true
				break
			}
		}
		if !hit {
			return false
		}
	}
	return true
}

func secondSegment(topic string) string {
	_, rest, _ := strings.Cut(topic, ".")
	second, _, _ := strings.Cut(rest, ".")
	return second
}

func (f *filter) matchPID(ext frame.Extension) bool {
	if len(f.pids) == 0 {
		return true
	}
	pid, ok := ext.PID()
	if !ok {
		return false
	}
	_, hit := slices.BinarySearch(f.pids, pid)
	return hit
}

func (f *filter) matchMetadata(ext frame.Extension) bool {
	for i := range f.metadata {
		if !f.metadata[i].in(ext, frame.TagMetadata) {
			return false
		}
	}
	return true
}

func (f *filter) matchCorrelation(ext frame.Extension) bool {
	c := f.corr
	if c == nil {
		return true
	}
	id, _ := ext.Lookup(frame.TagCorrelation)
	parent, hasParent := ext.Lookup(frame.TagParent)
	root, hasRoot := ext.Lookup(frame.TagRoot)
	if !hasRoot {
		root = id // a message without a root is its own
	}
	stage, hasStage := ext.Lookup(frame.TagStage)
	if len(c.IDs) > 0 && !containsBytes(c.IDs, id) ||
		len(c.ParentIDs) > 0 && !(hasParent && containsBytes(c.ParentIDs, parent)) ||
		len(c.RootIDs) > 0 && !containsBytes(c.RootIDs, root) ||
		len(c.WorkflowStages) > 0 && !(hasStage && containsBytes(c.WorkflowStages, stage)) {
		return false
	}
	if len(f.globs) > 0 && !matchAnyGlob(f.globs, id) && !matchAnyGlob(f.globs, parent) && !matchAnyGlob(f.globs, root) {
		return false
	}
	for i := range f.required {
		if !f.required[i].in(ext, frame.TagTag) {
			return false
		}
	}
	if len(f.any) > 0 {
		hit := false
		for i := range f.any {
			hit = hit || f.any[i].in(ext, frame.TagTag)
		}
		if !hit {
			return false
		}
	}
	if c.MinSequence == nil && c.MaxSequence == nil {
		return true
	}
	seq, ok := ext.Sequence()
	return ok && (c.MinSequence == nil || seq >= *c.MinSequence) && (c.MaxSequence == nil || seq <= *c.MaxSequence)
}

func containsBytes(list []string, b []byte) bool {
	for _, s := range list {
		if s == string(b) {
			return true
		}
	}
	return false
}

// in reports whether the extension holds the pair. Where a key stands twice, the
// first counts, as for every other reader of extensions.
func (p *pair) in(ext frame.Extension, tag byte) bool {
	v, ok := ext.LookupKey(tag, p.key)
	return ok && string(v) == p.value
}
