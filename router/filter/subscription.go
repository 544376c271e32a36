package filter

import (
	"fmt"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/topic"
)

// Compile checks a subscription. It returns the patterns, and the filter, or nil if the
// subscription has none. An error that is no pattern's wraps bus.ErrSubscription.
func Compile(s *bus.Subscription) (topic.Patterns, *Filter, error) {
	if n := len(s.Patterns); n == 0 || n > bus.MaxPatterns {
		return nil, nil, fmt.Errorf("%w: %d topic_patterns, want 1 to %d", bus.ErrSubscription, n, bus.MaxPatterns)
	}
	if len(s.SubscriberID) > bus.MaxSubscriberID || len(s.Group) > bus.MaxSubscriberID {
		return nil, nil, fmt.Errorf("%w: subscriber_id and group take at most %d bytes", bus.ErrSubscription, bus.MaxSubscriberID)
	}
	if s.Overflow != "" && !s.Overflow.Known() {
		return nil, nil, fmt.Errorf("%w: overflow %q, want %s, %s, %s or %s", bus.ErrSubscription, s.Overflow, bus.DropOldest, bus.DropNewest, bus.Conflate, bus.Disconnect)
	}
	if s.Queue < 0 {
		return nil, nil, fmt.Errorf("%w: queue is %d, want 0 or more", bus.ErrSubscription, s.Queue)
	}
	wild := s.EnableWildcards == nil || *s.EnableWildcards
	if s.Respond {
		if s.Group != "" || s.Retained || s.ReplayFrom != 0 || s.Overflow == bus.Conflate {
			return nil, nil, fmt.Errorf("%w: a responder takes no group, retained, replay_from or conflate", bus.ErrSubscription)
		}
		if s.EventFilter != nil || s.CorrelationFilter != nil || Entries(s) > 0 || s.Capabilities.MaxPriority != nil {
			return nil, nil, fmt.Errorf("%w: a responder takes no filter and no capabilities", bus.ErrSubscription)
		}
		wild = false
	}
	if s.Group != "" && (s.Retained || s.ReplayFrom != 0) {
		return nil, nil, fmt.Errorf("%w: a member of a group takes no retained or replay_from: each would get the past, and not one of them", bus.ErrSubscription)
	}
	ps := make(topic.Patterns, 0, len(s.Patterns))
	for _, text := range s.Patterns {
		p, err := topic.ParsePattern(text, wild)
		if err != nil {
			return nil, nil, err
		}
		ps = append(ps, p)
	}
	f, err := compile(s, wild)
	return ps, f, err
}
