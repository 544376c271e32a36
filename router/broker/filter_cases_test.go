package broker_test

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// sample is a message for a filter. Zero fields are those of base.
type sample struct {
	topic    string
	priority uint8
	from     string // the publishing client
	meta     frame.Meta
}

func (s sample) orBase() sample {
	if s.topic == "" {
		s.topic = "events.process.start"
	}
	if s.from == "" {
		s.from = "procmond"
	}
	return s
}

// correlated returns a sample that has only correlation metadata.
func correlated(c frame.Correlation) sample { return sample{meta: frame.Meta{Correlation: c}} }

func eventFilter(f router.EventFilter) router.Subscription {
	return router.Subscription{EventFilter: &f}
}

func corrFilter(f router.CorrelationFilter) router.Subscription {
	return router.Subscription{CorrelationFilter: &f}
}

// filterCases has, for each field of a subscription that filters, samples that it passes and
// samples that it does not pass.
var filterCases = []struct {
	name string
	spec router.Subscription
	pass []sample
	stop []sample
}{
	{
		name: "no filter passes everything",
		pass: []sample{{}, {priority: 10}, {from: "netmond"}, correlated(frame.Correlation{ID: "x"})},
	},
	{
		name: "a pattern selects by topic",
		spec: router.Subscription{Patterns: []string{"events.network.#"}},
		pass: []sample{{topic: "events.network"}, {topic: "events.network.dns"}},
		stop: []sample{{}, {topic: "events"}},
	},
	{
		name: "without wildcards a pattern is one topic",
		spec: router.Subscription{Patterns: []string{"events.network"}, EnableWildcards: ptr(false)},
		pass: []sample{{topic: "events.network"}},
		stop: []sample{{topic: "events.network.dns"}},
	},
	{
		name: "capabilities.event_types, by the extension",
		spec: router.Subscription{Capabilities: router.Capabilities{EventTypes: []string{"exec", "exit"}}},
		pass: []sample{{meta: frame.Meta{EventType: "exec"}}, {meta: frame.Meta{EventType: "exit"}}},
		stop: []sample{{meta: frame.Meta{EventType: "fork"}}, {meta: frame.Meta{EventType: "exe"}}},
	},
	{
		name: "capabilities.event_types, by the topic where the extension has none",
		spec: router.Subscription{Capabilities: router.Capabilities{EventTypes: []string{"process"}}},
		pass: []sample{{}, {topic: "events.process"}},
		stop: []sample{{topic: "events.network.dns"}, {topic: "process"}, {meta: frame.Meta{EventType: "exec"}}},
	},
	{
		name: "capabilities.collectors are names of sources",
		spec: router.Subscription{Capabilities: router.Capabilities{Collectors: []string{"procmond", "fsmond"}}},
		pass: []sample{{}, {from: "fsmond"}},
		stop: []sample{{from: "netmond"}, {from: "procmon"}},
	},
	{
		name: "capabilities.collectors with * are all",
		spec: router.Subscription{Capabilities: router.Capabilities{Collectors: []string{"fsmond", "*"}}},
		pass: []sample{{}, {from: "netmond"}},
	},
	{
		name: "capabilities.max_priority is inclusive",
		spec: router.Subscription{Capabilities: router.Capabilities{MaxPriority: ptr(uint8(7))}},
		pass: []sample{{priority: 1}, {}, {priority: 7}},
		stop: []sample{{priority: 8}, {priority: 10}},
	},
	{
		name: "event_filter.event_types",
		spec: eventFilter(router.EventFilter{EventTypes: []string{"exec"}}),
		pass: []sample{{meta: frame.Meta{EventType: "exec"}}},
		stop: []sample{{meta: frame.Meta{EventType: "exit"}}, {}},
	},
	{
		name: "event types of filter and capabilities must both hold",
		spec: router.Subscription{
			Capabilities: router.Capabilities{EventTypes: []string{"exec", "exit"}},
			EventFilter:  &router.EventFilter{EventTypes: []string{"exit", "fork"}},
		},
		pass: []sample{{meta: frame.Meta{EventType: "exit"}}},
		stop: []sample{{meta: frame.Meta{EventType: "exec"}}, {meta: frame.Meta{EventType: "fork"}}},
	},
	{
		name: "event_filter.pids",
		spec: eventFilter(router.EventFilter{PIDs: []uint32{4711, 1, 42}}),
		pass: []sample{{meta: frame.Meta{PID: 1}}, {meta: frame.Meta{PID: 42}}, {meta: frame.Meta{PID: 4711}}},
		stop: []sample{{meta: frame.Meta{PID: 2}}, {}},
	},
	{
		name: "event_filter.min_priority is inclusive",
		spec: eventFilter(router.EventFilter{MinPriority: 5}),
		pass: []sample{{}, {priority: 10}},
		stop: []sample{{priority: 4}, {priority: 1}},
	},
	{
		name: "event_filter.metadata must all be there, and equal",
		spec: eventFilter(router.EventFilter{Metadata: map[string]string{"host": "a", "zone": ""}}),
		pass: []sample{{meta: frame.Meta{Metadata: map[string]string{"host": "a", "zone": "", "more": "b"}}}},
		stop: []sample{
			{},
			{meta: frame.Meta{Metadata: map[string]string{"host": "a"}}},
			{meta: frame.Meta{Metadata: map[string]string{"host": "b", "zone": ""}}},
			{meta: frame.Meta{Metadata: map[string]string{"host": "aa", "zone": ""}}},
			correlated(frame.Correlation{Tags: map[string]string{"host": "a", "zone": ""}}),
		},
	},
	{
		name: "event_filter.topics narrow the patterns",
		spec: eventFilter(router.EventFilter{Topics: []string{"+.network.#", "events.process.start"}}),
		pass: []sample{{}, {topic: "events.network"}, {topic: "control.network.x"}},
		stop: []sample{{topic: "events.process.exit"}, {topic: "events.filesystem"}},
	},
	{
		name: "event_filter.sources",
		spec: eventFilter(router.EventFilter{Sources: []string{"netmond"}}),
		pass: []sample{{from: "netmond"}},
		stop: []sample{{}},
	},
	{
		name: "sources and collectors must both hold",
		spec: router.Subscription{
			Capabilities: router.Capabilities{Collectors: []string{"procmond", "netmond"}},
			EventFilter:  &router.EventFilter{Sources: []string{"netmond", "fsmond"}},
		},
		pass: []sample{{from: "netmond"}},
		stop: []sample{{}, {from: "fsmond"}},
	},
	{
		name: "correlation_filter.ids",
		spec: corrFilter(router.CorrelationFilter{IDs: []string{"a", "b"}}),
		pass: []sample{correlated(frame.Correlation{ID: "b"})},
		stop: []sample{correlated(frame.Correlation{ID: "ab"}), correlated(frame.Correlation{Root: "a"}), {}},
	},
	{
		name: "an empty id is not the same as none",
		spec: corrFilter(router.CorrelationFilter{IDs: []string{"", "a"}, RootIDs: []string{"", "a"}}),
		pass: []sample{correlated(frame.Correlation{ID: "a"})},
		stop: []sample{{}, correlated(frame.Correlation{Root: "a"})},
	},
	{
		name: "a glob takes each piece where it first stands",
		spec: corrFilter(router.CorrelationFilter{Patterns: []string{"*ab*ba*c", "d*d"}}),
		pass: []sample{correlated(frame.Correlation{ID: "abbac"}), correlated(frame.Correlation{ID: "xabab.ba.c.c"}), correlated(frame.Correlation{ID: "dd"})},
		stop: []sample{correlated(frame.Correlation{ID: "abac"}), correlated(frame.Correlation{ID: "abba"}), correlated(frame.Correlation{ID: "d"})},
	},
	{
		name: "a tag may be required and be one of any",
		spec: corrFilter(router.CorrelationFilter{RequiredTags: map[string]string{"a": "1"}, AnyTags: map[string]string{"a": "2", "b": "2"}}),
		pass: []sample{correlated(frame.Correlation{Tags: map[string]string{"a": "1", "b": "2"}})},
		stop: []sample{correlated(frame.Correlation{Tags: map[string]string{"a": "1"}}), correlated(frame.Correlation{Tags: map[string]string{"a": "2"}})},
	},
	{
		name: "correlation_filter.parent_ids",
		spec: corrFilter(router.CorrelationFilter{ParentIDs: []string{"p"}}),
		pass: []sample{correlated(frame.Correlation{ID: "x", Parent: "p"})},
		stop: []sample{correlated(frame.Correlation{ID: "p"}), correlated(frame.Correlation{ID: "x", Parent: "q"}), {}},
	},
	{
		name: "correlation_filter.root_ids, where a message without a root is its own",
		spec: corrFilter(router.CorrelationFilter{RootIDs: []string{"r"}}),
		pass: []sample{correlated(frame.Correlation{ID: "x", Root: "r"}), correlated(frame.Correlation{ID: "r"})},
		stop: []sample{correlated(frame.Correlation{ID: "r", Root: "s"}), correlated(frame.Correlation{Parent: "r"}), {}},
	},
	{
		name: "correlation_filter.patterns are globs on id, parent and root",
		spec: corrFilter(router.CorrelationFilter{Patterns: []string{"scan-*-7", "job*"}}),
		pass: []sample{
			correlated(frame.Correlation{ID: "scan-7-7"}),
			correlated(frame.Correlation{ID: "scan-a-b-7"}),
			correlated(frame.Correlation{ID: "x", Parent: "job"}),
			correlated(frame.Correlation{ID: "x", Root: "job-1"}),
		},
		stop: []sample{
			correlated(frame.Correlation{ID: "scan-7"}),
			correlated(frame.Correlation{ID: "scan-7-77"}),
			correlated(frame.Correlation{ID: "xjob"}),
			correlated(frame.Correlation{Stage: "job"}),
			{},
		},
	},
	{
		name: "correlation_filter.workflow_stages",
		spec: corrFilter(router.CorrelationFilter{WorkflowStages: []string{"collect", "enrich"}}),
		pass: []sample{correlated(frame.Correlation{Stage: "enrich"})},
		stop: []sample{correlated(frame.Correlation{Stage: "alert"}), {}},
	},
	{
		name: "correlation_filter.required_tags must all be there",
		spec: corrFilter(router.CorrelationFilter{RequiredTags: map[string]string{"a": "1", "b": "2"}}),
		pass: []sample{correlated(frame.Correlation{Tags: map[string]string{"a": "1", "b": "2", "c": "3"}})},
		stop: []sample{correlated(frame.Correlation{Tags: map[string]string{"a": "1"}}), {}, {meta: frame.Meta{Metadata: map[string]string{"a": "1", "b": "2"}}}},
	},
	{
		name: "correlation_filter.any_tags: one will do",
		spec: corrFilter(router.CorrelationFilter{AnyTags: map[string]string{"a": "1", "b": "2"}}),
		pass: []sample{correlated(frame.Correlation{Tags: map[string]string{"b": "2"}})},
		stop: []sample{correlated(frame.Correlation{Tags: map[string]string{"a": "2", "b": "1"}}), {}},
	},
	{
		name: "correlation_filter.min_sequence and max_sequence are inclusive",
		spec: corrFilter(router.CorrelationFilter{MinSequence: ptr(uint64(3)), MaxSequence: ptr(uint64(5))}),
		pass: []sample{correlated(frame.Correlation{Sequence: 3, HasSequence: true}), correlated(frame.Correlation{Sequence: 5, HasSequence: true})},
		stop: []sample{correlated(frame.Correlation{Sequence: 2, HasSequence: true}), correlated(frame.Correlation{Sequence: 6, HasSequence: true}), {}},
	},
	{
		name: "correlation_filter.min_sequence alone",
		spec: corrFilter(router.CorrelationFilter{MinSequence: ptr(uint64(0))}),
		pass: []sample{correlated(frame.Correlation{Sequence: 0, HasSequence: true})},
		stop: []sample{{}},
	},
	{
		name: "all parts of a correlation filter must hold",
		spec: corrFilter(router.CorrelationFilter{IDs: []string{"a"}, WorkflowStages: []string{"collect"}}),
		pass: []sample{correlated(frame.Correlation{ID: "a", Stage: "collect"})},
		stop: []sample{correlated(frame.Correlation{ID: "a"}), correlated(frame.Correlation{ID: "b", Stage: "collect"})},
	},
}
