package bench_test

import (
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/bus"
	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// stream is a measurement of throughput.
func stream(publishers, subscribers, size int) e2e.Spec {
	return e2e.Spec{
		Publishers: publishers, Subscribers: subscribers, Size: size, Window: e2e.DefaultWindow(size),
		Warmup: measured / 3, Measured: measured,
	}
}

// floors are all floors beside each other.
func floors() []comparison {
	c := comparison{keys: stream(1, 1, 128).Keys(), floor: throughputFloor}
	for _, s := range systems {
		if s.Floor {
			c.entries = append(c.entries, e2e.Entry{System: s, Spec: stream(1, 1, 128)})
		}
	}
	return []comparison{c}
}

// BenchmarkFloor shows what the socket alone does: one hop and two, in batches and one
// write a message.
func BenchmarkFloor(b *testing.B) {
	run(b, floors(), func(b *testing.B, c e2e.Comparison) {
		lines(b, c, value(e2e.Deliveries), xFloor)
		document.Put(report.Section{
			Title:  "Floors",
			Text:   "The bare Unix socket: one hop and two hops, in batches of 64 KiB and one write a message.",
			Tables: []report.Table{e2e.ThroughputTable([]e2e.Comparison{c})},
		})
	})
}

// eventSize is about that of the agent's own events: 618 bytes for the start of a process,
// 722 for a connection, 775 for a rename (package event, TestATypicalEventIsSmall).
const eventSize = 768

// throughput sets the broker beside the batched relay, for some sizes and some numbers
// of publishers and subscribers.
func throughput() []comparison {
	var all []comparison
	for _, fan := range [][2]int{{1, 1}, {1, 4}, {4, 4}} {
		for _, size := range []int{128, eventSize, 1024, 16384} {
			spec := stream(fan[0], fan[1], size)
			c := comparison{keys: spec.Keys(), floor: throughputFloor}
			c.entries = []e2e.Entry{{System: named("one-hop"), Spec: spec}, {System: named(throughputFloor), Spec: spec}}
			for _, s := range examined() {
				aim := e2e.Aim{Rate: bus.RateAim(fan[0], fan[1], size), NoAllocs: true}
				c.entries = append(c.entries, e2e.Entry{System: s, Spec: spec, Aim: aim})
			}
			all = append(all, c)
		}
	}
	return all
}

// BenchmarkThroughput sets systems beside the batched relay, with a bounded window and
// nothing lost.
func BenchmarkThroughput(b *testing.B) {
	var all []e2e.Comparison
	run(b, throughput(), func(b *testing.B, c e2e.Comparison) {
		lines(b, c, value(e2e.Deliveries), xFloor, value(e2e.Allocations))
		all = append(all, c)
	})
	document.Put(report.Section{
		Title: "Throughput",
		Text: "Publishers, broker and subscribers are processes. Each publisher keeps to a window of messages that not every subscriber has " +
			"acknowledged, so that nothing is lost; each subscriber gets every message.",
		Tables:  []report.Table{e2e.ThroughputTable(all)},
		Figures: []report.Figure{e2e.ThroughputFigure("throughput", "Throughput by size of message", all, nominalRate)},
	})
}

// budgetStreams sets streams of larger messages with a latency budget beside those
// without: a budget is for messages that are few, and must not slow down a stream.
func budgetStreams() []comparison {
	var all []comparison
	for _, size := range []int{2048, 16384} {
		spec := stream(1, 1, size)
		for _, s := range examined() {
			with := spec
			with.Budget = nominalBudget
			all = append(all, comparison{keys: spec.Keys(), floor: s.Name, entries: []e2e.Entry{
				{System: s, Spec: spec},
				{System: s, Spec: with, Aim: e2e.Aim{Rate: bus.BudgetAim}},
			}})
		}
	}
	return all
}

// BenchmarkBudgetStreams shows what a latency budget does to streams of larger
// messages.
func BenchmarkBudgetStreams(b *testing.B) {
	var all []e2e.Comparison
	run(b, budgetStreams(), func(b *testing.B, c e2e.Comparison) {
		lines(b, c, value(e2e.Deliveries), xFloor)
		all = append(all, c)
	})
	document.Put(report.Section{
		Title:  "Streams with a latency budget",
		Text:   "The same streams with a latency budget of " + report.Duration(nominalBudget) + " and without one, which is the floor here.",
		Tables: []report.Table{e2e.ThroughputTable(all)},
	})
}

// flood sends without a window; the floor keeps to its window.
func flood() []comparison {
	spec := stream(1, 1, 128)
	c := comparison{keys: spec.Keys(), floor: throughputFloor, entries: []e2e.Entry{{System: named(throughputFloor), Spec: spec}}}
	for _, s := range examined() {
		flood := spec
		flood.Window = 0
		c.entries = append(c.entries, e2e.Entry{System: s, Spec: flood})
	}
	return []comparison{c}
}

// BenchmarkFlood sends without a window. A publisher should never be slowed, and the
// losses announced to the last message.
func BenchmarkFlood(b *testing.B) {
	sent := func(o e2e.Outcome) float64 { return o.SendRate }
	run(b, flood(), func(b *testing.B, c e2e.Comparison) {
		t := report.Table{Head: []string{"system", "sent/s", "× floor", "delivered/s", "lost", "announced"}, Left: 1}
		for _, s := range c.Series {
			t.Add(s.Label(), report.Count(s.Median(sent)), report.Ratio(s.Median(sent), c.Series[0].Median(sent)), report.Count(s.Median(e2e.Rate)),
				report.Count(s.Worst(func(o e2e.Outcome) float64 { return float64(o.Lost()) })),
				report.Count(s.Worst(func(o e2e.Outcome) float64 { return float64(o.Announced) })))
		}
		lines(b, c, metric{"sent/s", func(o, _ e2e.Outcome) float64 { return sent(o) }}, value(e2e.Deliveries))
		document.Put(report.Section{
			Title:  "Flood",
			Text:   "One publisher without a window, 128 B: whether it is slowed, and whether every loss is announced. The floor keeps to its window.",
			Tables: []report.Table{t},
		})
	})
}

// nominalBudget is the latency that a publisher at nominal load may spend.
const nominalBudget = 500 * time.Microsecond
