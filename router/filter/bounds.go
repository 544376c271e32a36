package filter

import (
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// check holds what the filters list against its bounds.
func check(s *bus.Subscription) error {
	c := &s.Capabilities
	if p := c.PriorityLimit(); p > frame.MaxPriority {
		return fmt.Errorf("%w: max_priority is %d, want at most %d", bus.ErrSubscription, p, frame.MaxPriority)
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
			return fmt.Errorf("%w: min_priority is %d, want at most %d", bus.ErrSubscription, e.MinPriority, frame.MaxPriority)
		}
		add("event_filter.event_types", e.EventTypes, frame.MaxID)
		add("event_filter.sources", e.Sources, maxName)
		maps[0] = e.Metadata
	}
	if c := s.CorrelationFilter; c != nil {
		if len(c.Patterns) > maxGlobs {
			return fmt.Errorf("%w: %d correlation_filter.patterns, want at most %d", bus.ErrSubscription, len(c.Patterns), maxGlobs)
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
				return fmt.Errorf("%w: %s takes entries of at most %d bytes", bus.ErrSubscription, l.name, l.max)
			}
		}
	}
	for _, m := range maps {
		for k, v := range m {
			if k == "" || len(k) > frame.MaxKey || len(v) > frame.MaxValue {
				return fmt.Errorf("%w: a key takes 1 to %d bytes and a value at most %d", bus.ErrSubscription, frame.MaxKey, frame.MaxValue)
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
	n := len(s.Capabilities.EventTypes) + len(s.Capabilities.Collectors)
	if e := s.EventFilter; e != nil {
		n += len(e.EventTypes) + len(e.Sources) + len(e.PIDs) + len(e.Metadata) + len(e.Topics)
	}
	if c := s.CorrelationFilter; c != nil {
		n += len(c.IDs) + len(c.Patterns) + len(c.ParentIDs) + len(c.RootIDs) + len(c.WorkflowStages) + len(c.RequiredTags) + len(c.AnyTags)
	}
	return n
}

// Bytes is how many bytes the strings have that the subscription lists.
func Bytes(s *bus.Subscription) (n int) {
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
