package filter

import "github.com/daemoneye/eventbus/router/bus"

// What an entry takes beside its bytes. The figures were measured on 64-bit Linux as the
// growth of the heap, and rounded up; memory_test.go compares them.
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
	n := int64(filterMemory) + pidEntry*int64(len(eventFilter(s).PIDs))
	if s.EventFilter != nil {
		n += filterMemory
	}
	if s.CorrelationFilter != nil {
		n += filterMemory
	}
	for i := range lists {
		for _, v := range lists[i].of(s) {
			n += lists[i].memory(v)
		}
	}
	for _, l := range pairLists {
		pairs := l.of(s)
		for k, v := range pairs {
			n += pairEntry + int64(len(k)+len(v))
		}
		if len(pairs) > 0 {
			n += filterMemory // maps have room for several from the first on
		}
	}
	return n
}
