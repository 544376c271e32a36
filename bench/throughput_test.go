package bench_test

import (
	"fmt"
	"testing"

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

// rateAim is the share of the batched relay's throughput that a broker should reach.
func rateAim(publishers, subscribers, size int) float64 {
	switch {
	case publishers > 1:
		return 0.6
	case size == 16384:
		return 1.1
	case subscribers > 1:
		return 0.75
	case size == 128:
		return 0.7
	}
	return 0
}

// BenchmarkFloor shows what the socket alone does: one hop and two, in batches and one write a message.
func BenchmarkFloor(b *testing.B) {
	var entries []e2e.Entry
	for _, s := range systems {
		if s.Floor {
			entries = append(entries, e2e.Entry{System: s, Spec: stream(1, 1, 128)})
		}
	}
	c := compare(b, throughputFloor, entries)
	reportRates(b, c)
	document.Put(report.Section{
		Title:  "Floors",
		Text:   "The bare Unix socket: one hop and two hops, in batches of 64 KiB and one write a message.",
		Tables: []report.Table{e2e.ThroughputTable([]e2e.Comparison{c})},
	})
}

// BenchmarkThroughput sets systems beside the batched relay, with a bounded window and nothing lost.
func BenchmarkThroughput(b *testing.B) {
	var all []e2e.Comparison
	for _, fan := range [][2]int{{1, 1}, {1, 4}, {4, 4}} {
		for _, size := range []int{128, 1024, 16384} {
			spec := stream(fan[0], fan[1], size)
			entries := []e2e.Entry{{System: named("one-hop"), Spec: spec}, {System: named(throughputFloor), Spec: spec}}
			for _, s := range examined() {
				entries = append(entries, e2e.Entry{System: s, Spec: spec, Aim: e2e.Aim{Rate: rateAim(fan[0], fan[1], size)}})
			}
			b.Run(fmt.Sprintf("pubs=%d/subs=%d/size=%d", fan[0], fan[1], size), func(b *testing.B) {
				c := compare(b, throughputFloor, entries)
				reportRates(b, c)
				all = append(all, c)
			})
		}
	}
	document.Put(report.Section{
		Title: "Throughput",
		Text: "Publishers, broker and subscribers are processes. Each publisher keeps to a window of messages that not every subscriber has " +
			"acknowledged, so that nothing is lost; each subscriber gets every message.",
		Tables:  []report.Table{e2e.ThroughputTable(all)},
		Figures: []report.Figure{e2e.ThroughputFigure("throughput", "Throughput by size of message", all)},
	})
}

// BenchmarkFlood sends without a window. A publisher should never be slowed, and the losses announced to the last message.
func BenchmarkFlood(b *testing.B) {
	if len(examined()) == 0 {
		b.Skip("a floor has no queue that could overflow, and nothing else takes part")
	}
	spec := stream(1, 1, 128)
	entries := []e2e.Entry{{System: named(throughputFloor), Spec: spec}}
	for _, s := range examined() {
		flood := spec
		flood.Window = 0
		entries = append(entries, e2e.Entry{System: s, Spec: flood})
	}
	c := compare(b, throughputFloor, entries)
	t := report.Table{Head: []string{"system", "sent/s", "× floor", "delivered/s", "lost", "announced"}, Left: 1}
	sent := func(o e2e.Outcome) float64 { return o.SendRate }
	for _, s := range c.Series {
		t.Add(s.Label(), report.Count(s.Median(sent)), report.Ratio(s.Median(sent), c.Series[0].Median(sent)), report.Count(s.Median(e2e.Rate)),
			report.Count(s.Worst(func(o e2e.Outcome) float64 { return float64(o.Lost()) })),
			report.Count(s.Worst(func(o e2e.Outcome) float64 { return float64(o.Announced) })))
		b.ReportMetric(s.Median(sent), s.System.Name+"-sent/s")
	}
	document.Put(report.Section{
		Title:  "Flood",
		Text:   "One publisher without a window, 128 B: whether it is slowed, and whether every loss is announced. The floor keeps to its window.",
		Tables: []report.Table{t},
	})
}

func reportRates(b *testing.B, c e2e.Comparison) {
	var floor float64
	for _, s := range c.Series {
		if s.System.Name == c.Floor {
			floor = s.Median(e2e.Rate)
		}
	}
	for _, s := range c.Series {
		b.ReportMetric(s.Median(e2e.Rate), s.System.Name+"-msg/s")
		if floor > 0 && !s.System.Floor {
			b.ReportMetric(s.Median(e2e.Rate)/floor, s.System.Name+"-xfloor")
		}
	}
}
