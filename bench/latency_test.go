package bench_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

const (
	nominalRate   = 10_000
	nominalBudget = 500 * time.Microsecond
)

// steady is an open loop at nominal load.
func steady(budget time.Duration) e2e.Spec {
	return e2e.Spec{
		Publishers: 1, Subscribers: 1, Size: 128, Rate: nominalRate, Budget: budget,
		Warmup: measured / 3, Measured: measured * 2, // the tail needs more messages than a rate does
	}
}

// BenchmarkLatency sets systems beside the relay as usually written in an open loop, with and without a latency budget.
func BenchmarkLatency(b *testing.B) {
	spec := steady(0)
	var entries []e2e.Entry
	for _, name := range []string{"one-hop", throughputFloor, latencyFloor, "relay-plain"} {
		entries = append(entries, e2e.Entry{System: named(name), Spec: spec})
	}
	for _, s := range examined() {
		entries = append(entries,
			e2e.Entry{System: s, Spec: spec, Aim: e2e.Aim{P50: 0.85, P99: 1.5, CPU: 0.62}},
			e2e.Entry{System: s, Spec: steady(nominalBudget), Aim: e2e.Aim{Below: 600 * time.Microsecond, CPU: 0.35}})
	}
	c := compare(b, latencyFloor, entries)
	for _, s := range c.Series {
		name := strings.NewReplacer(", ", "-", " ", "").Replace(s.Label()) // a unit has no blanks
		b.ReportMetric(s.Median(e2e.LatencyAt(0.50)), name+"-p50-ns")
		b.ReportMetric(s.Median(e2e.LatencyAt(0.99)), name+"-p99-ns")
		if s.System.Broker != nil {
			b.ReportMetric(s.Median(e2e.BrokerCores)*100, name+"-cpu-%")
		}
	}
	document.Put(report.Section{
		Title:   "Latency",
		Text:    "One publisher sends 10,000 messages of 128 B a second, by the clock, to one subscriber.",
		Tables:  []report.Table{e2e.LatencyTable(c)},
		Figures: []report.Figure{e2e.LatencyFigure("latency", "Latency at 10,000 messages a second", c)},
	})
}

// BenchmarkPauses compares for how long the collector stops the brokers' processes. They make no garbage, so it is told to run.
func BenchmarkPauses(b *testing.B) {
	spec := steady(0)
	spec.Collect = 10 * time.Millisecond
	entries := []e2e.Entry{{System: named(latencyFloor), Spec: spec}, {System: named(throughputFloor), Spec: spec}}
	for _, s := range examined() {
		entries = append(entries, e2e.Entry{System: s, Spec: spec, Aim: e2e.Aim{Pause: 1}})
	}
	c := compare(b, latencyFloor, entries)
	for _, s := range c.Series {
		b.ReportMetric(s.Median(func(o e2e.Outcome) float64 { return float64(o.Broker.Pauses.P99) }), s.System.Name+"-pause-p99-ns")
	}
	document.Put(report.Section{
		Title:  "Pauses of the collector",
		Text:   "The same load, while the broker's process collects its garbage again and again.",
		Tables: []report.Table{e2e.PauseTable(c)},
	})
}
