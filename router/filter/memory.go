package filter

import (
	"strings"

	"github.com/daemoneye/eventbus/router/bus"
)

// What an entry takes beside its bytes: its place in the subscription, and in what the
// filters are compiled to. They were measured on 64-bit Linux as the growth of the heap,
// and rounded up; memory_test.go compares them.
const (
	filterMemory = 512 // with a few entries of each kind
	listEntry    = 128
	pidEntry     = 24
	topicEntry   = 192
	topicSegment = 16
	pairEntry    = 288
	globEntry    = 208
	globStar     = 32
)

// Memory returns how much memory the filters of a subscription take at most, with the
// lists that they were compiled from.
func Memory(s *bus.Subscription) int64 {
	if Entries(s) == 0 && s.EventFilter == nil && s.CorrelationFilter == nil && s.Capabilities.MaxPriority == nil {
		return 0
	}
	n := int64(filterMemory)
	list := func(texts []string, entry int64) {
		for _, v := range texts {
			n += entry + int64(len(v))
		}
	}
	pairs := func(m map[string]string) {
		for k, v := range m {
			n += pairEntry + int64(len(k)+len(v))
		}
		if len(m) > 0 {
			n += filterMemory // maps have room for several from the first on
		}
	}
	list(s.Capabilities.EventTypes, listEntry)
	list(s.Capabilities.Collectors, listEntry)
	if e := s.EventFilter; e != nil {
		n += filterMemory
		list(e.EventTypes, listEntry)
		list(e.Sources, listEntry)
		list(e.Topics, topicEntry)
		for _, v := range e.Topics {
			n += topicSegment * int64(1+strings.Count(v, "."))
		}
		n += pidEntry * int64(len(e.PIDs))
		pairs(e.Metadata)
	}
	if c := s.CorrelationFilter; c != nil {
		n += filterMemory
		for _, l := range [...][]string{c.IDs, c.ParentIDs, c.RootIDs, c.WorkflowStages} {
			list(l, listEntry)
		}
		list(c.Patterns, globEntry)
		for _, v := range c.Patterns {
			n += int64(len(v)) + globStar*int64(strings.Count(v, "*"))
		}
		pairs(c.RequiredTags)
		pairs(c.AnyTags)
	}
	return n
}
