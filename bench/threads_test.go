package bench_test

import (
	"fmt"
	"testing"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// BenchmarkThreads sets the two ways to build a relay beside each other: one thread that owns epoll, and a goroutine for each
// connection. The broker is built the first way; this is why.
func BenchmarkThreads(b *testing.B) {
	var all []e2e.Comparison
	for _, fan := range [][2]int{{1, 1}, {1, 4}, {1, 32}, {4, 1}, {4, 4}, {32, 1}} {
		spec := stream(fan[0], fan[1], 128)
		var entries []e2e.Entry
		for _, name := range []string{"relay-plain", throughputFloor} {
			entries = append(entries, e2e.Entry{System: named(name), Spec: spec})
		}
		for _, s := range examined() {
			entries = append(entries, e2e.Entry{System: s, Spec: spec})
		}
		b.Run(fmt.Sprintf("pubs=%d/subs=%d", fan[0], fan[1]), func(b *testing.B) {
			c := compare(b, "relay-plain", entries)
			for _, s := range c.Series {
				b.ReportMetric(s.Median(e2e.Rate), s.System.Name+"-msg/s")
			}
			all = append(all, c)
		})
	}
	document.Put(report.Section{
		Title: "Threads",
		Text: "128 B, as above. relay-plain has a goroutine for each connection, relay-batched one thread for all of them; neither decodes, " +
			"queues or filters. Ratios are to relay-plain here.",
		Tables: []report.Table{e2e.ThroughputTable(all)},
	})
}
