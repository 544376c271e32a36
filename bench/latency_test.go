package bench_test

import (
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/bus"
	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

const nominalRate = 10_000

// steady is an open loop at nominal load.
func steady(budget time.Duration) e2e.Spec {
	return e2e.Spec{
		Publishers: 1, Subscribers: 1, Size: 128, Rate: nominalRate, Budget: budget,
		Warmup: measured / 3, Measured: measured * 2, // the tail needs more messages than a rate does
	}
}

// latency sets the broker beside the relay as usually written, with and without a
// latency budget.
func latency() []comparison {
	spec := steady(0)
	c := comparison{keys: spec.Keys(), floor: latencyFloor}
	for _, name := range []string{"one-hop", throughputFloor, latencyFloor, "relay-plain"} {
		c.entries = append(c.entries, e2e.Entry{System: named(name), Spec: spec})
	}
	for _, s := range examined() {
		c.entries = append(c.entries,
			e2e.Entry{System: s, Spec: spec, Aim: bus.SteadyAim},
			e2e.Entry{System: s, Spec: steady(nominalBudget), Aim: bus.BudgetedAim})
	}
	return []comparison{c}
}

// BenchmarkLatency sets systems beside the relay as usually written in an open loop.
func BenchmarkLatency(b *testing.B) {
	run(b, latency(), func(b *testing.B, c e2e.Comparison) {
		lines(b, c, value(e2e.Latency(0.5)), value(e2e.Latency(0.99)), value(e2e.BrokerCPU), value(e2e.Allocations))
		document.Put(report.Section{
			Title:   "Latency",
			Text:    "One publisher sends 10,000 messages of 128 B a second, by the clock, to one subscriber.",
			Tables:  []report.Table{e2e.LatencyTable(c)},
			Figures: []report.Figure{e2e.LatencyFigure("latency", "Latency at 10,000 messages a second", c, time.Millisecond)},
		})
	})
}

// pauses has the collector run in brokers that make no garbage.
func pauses() []comparison {
	spec := steady(0)
	spec.Collect = 10 * time.Millisecond
	c := comparison{keys: spec.Keys(), floor: latencyFloor}
	c.entries = []e2e.Entry{{System: named(latencyFloor), Spec: spec}, {System: named(throughputFloor), Spec: spec}}
	for _, s := range examined() {
		c.entries = append(c.entries, e2e.Entry{System: s, Spec: spec, Aim: e2e.Aim{Pause: 1}})
	}
	return []comparison{c}
}

// BenchmarkPauses compares for how long the collector stops the brokers' processes.
func BenchmarkPauses(b *testing.B) {
	run(b, pauses(), func(b *testing.B, c e2e.Comparison) {
		lines(b, c, value(e2e.PauseP99))
		document.Put(report.Section{
			Title:  "Pauses of the collector",
			Text:   "The same load, while the broker's process collects its garbage again and again.",
			Tables: []report.Table{e2e.PauseTable(c)},
		})
	})
}
