package filter

import (
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// check holds what the filters list against its bounds.
func check(s *bus.Subscription) error {
	if p := s.Capabilities.PriorityLimit(); p > frame.MaxPriority {
		return fmt.Errorf("%w: max_priority is %d, want at most %d", bus.ErrSubscription, p, frame.MaxPriority)
	}
	if p := eventFilter(s).MinPriority; p > frame.MaxPriority {
		return fmt.Errorf("%w: min_priority is %d, want at most %d", bus.ErrSubscription, p, frame.MaxPriority)
	}
	for i := range lists {
		l := &lists[i]
		entries := l.of(s)
		if l.most > 0 && len(entries) > l.most {
			return fmt.Errorf("%w: %d %s, want at most %d", bus.ErrSubscription, len(entries), l.name, l.most)
		}
		for _, v := range entries {
			if len(v) > l.longest {
				return fmt.Errorf("%w: %s takes entries of at most %d bytes", bus.ErrSubscription, l.name, l.longest)
			}
		}
	}
	for _, l := range pairLists {
		for k, v := range l.of(s) {
			if k == "" || len(k) > frame.MaxKey || len(v) > frame.MaxValue {
				return fmt.Errorf("%w: in %s a key takes 1 to %d bytes and a value at most %d", bus.ErrSubscription, l.name, frame.MaxKey, frame.MaxValue)
			}
		}
	}
	if n := Entries(s); n > bus.MaxFilterEntries {
		return fmt.Errorf("%w: %d filter entries, want at most %d", bus.ErrSubscription, n, bus.MaxFilterEntries)
	}
	return nil
}

// Entries counts everything that is listed in the subscription's filters.
func Entries(s *bus.Subscription) int {
	n := len(eventFilter(s).PIDs)
	for i := range lists {
		n += len(lists[i].of(s))
	}
	for _, l := range pairLists {
		n += len(l.of(s))
	}
	return n
}

// Bytes is how many bytes the strings have that the subscription lists.
func Bytes(s *bus.Subscription) (n int) {
	for _, v := range s.Patterns {
		n += len(v)
	}
	for i := range lists {
		for _, v := range lists[i].of(s) {
			n += len(v)
		}
	}
	for _, l := range pairLists {
		for k, v := range l.of(s) {
			n += len(k) + len(v)
		}
	}
	return n
}
