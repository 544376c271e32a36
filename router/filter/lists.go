package filter

import (
	"math"
	"strings"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// A subscription's filters list texts and pairs. What there is of both stands in the
// tables here: a list is bounded, counted and charged by its row.

// textList is a list of texts.
type textList struct {
	name    string // in the JSON of a subscription
	longest int    // bytes of an entry; those of topics are patterns, which Compile checks
	most    int    // entries; 0: bus.MaxFilterEntries is all that bounds it
	memory  func(entry string) int64
	of      func(*bus.Subscription) []string
}

var lists = [...]textList{
	{"capabilities.event_types", frame.MaxID, 0, setMemory, func(s *bus.Subscription) []string { return s.Capabilities.EventTypes }},
	{"capabilities.collectors", maxName, 0, setMemory, func(s *bus.Subscription) []string { return s.Capabilities.Collectors }},
	{"event_filter.event_types", frame.MaxID, 0, setMemory, func(s *bus.Subscription) []string { return eventFilter(s).EventTypes }},
	{"event_filter.sources", maxName, 0, setMemory, func(s *bus.Subscription) []string { return eventFilter(s).Sources }},
	{"event_filter.topics", math.MaxInt, 0, topicMemory, func(s *bus.Subscription) []string { return eventFilter(s).Topics }},
	{"correlation_filter.ids", frame.MaxID, 0, setMemory, func(s *bus.Subscription) []string { return correlationFilter(s).IDs }},
	{"correlation_filter.patterns", frame.MaxID, maxGlobs, globMemory, func(s *bus.Subscription) []string { return correlationFilter(s).Patterns }},
	{"correlation_filter.parent_ids", frame.MaxID, 0, setMemory, func(s *bus.Subscription) []string { return correlationFilter(s).ParentIDs }},
	{"correlation_filter.root_ids", frame.MaxID, 0, setMemory, func(s *bus.Subscription) []string { return correlationFilter(s).RootIDs }},
	{"correlation_filter.workflow_stages", frame.MaxStage, 0, setMemory, func(s *bus.Subscription) []string { return correlationFilter(s).WorkflowStages }},
}

// pairLists are the lists of keys with values, which have the bounds of an extension's.
var pairLists = [...]struct {
	name string
	of   func(*bus.Subscription) map[string]string
}{
	{"event_filter.metadata", func(s *bus.Subscription) map[string]string { return eventFilter(s).Metadata }},
	{"correlation_filter.required_tags", func(s *bus.Subscription) map[string]string { return correlationFilter(s).RequiredTags }},
	{"correlation_filter.any_tags", func(s *bus.Subscription) map[string]string { return correlationFilter(s).AnyTags }},
}

var (
	noEventFilter       bus.EventFilter
	noCorrelationFilter bus.CorrelationFilter
)

// eventFilter returns the subscription's event filter, or one that lists nothing.
func eventFilter(s *bus.Subscription) *bus.EventFilter {
	if s.EventFilter == nil {
		return &noEventFilter
	}
	return s.EventFilter
}

// correlationFilter returns the subscription's correlation filter, or one that lists
// nothing.
func correlationFilter(s *bus.Subscription) *bus.CorrelationFilter {
	if s.CorrelationFilter == nil {
		return &noCorrelationFilter
	}
	return s.CorrelationFilter
}

// What an entry takes: its place in the subscription, and in what the filters are compiled
// to, with its bytes.

func setMemory(entry string) int64 { return listEntry + int64(len(entry)) }

func topicMemory(entry string) int64 {
	return topicEntry + int64(len(entry)) + topicSegment*int64(1+strings.Count(entry, "."))
}

func globMemory(entry string) int64 {
	return globEntry + 2*int64(len(entry)) + globStar*int64(strings.Count(entry, "*"))
}
