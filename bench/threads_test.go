package bench_test

import (
	"testing"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// threads are both ways to build a relay, and the broker.
func threads() []comparison {
	const goroutines = "relay-plain"
	var all []comparison
	for _, fan := range [][2]int{{1, 1}, {1, 4}, {1, 32}, {4, 1}, {4, 4}, {32, 1}} {
		spec := stream(fan[0], fan[1], 128)
		c := comparison{keys: spec.Keys(), floor: goroutines}
		for _, name := range []string{goroutines, throughputFloor} {
			c.entries = append(c.entries, e2e.Entry{System: named(name), Spec: spec})
		}
		for _, s := range examined() {
			c.entries = append(c.entries, e2e.Entry{System: s, Spec: spec})
		}
		all = append(all, c)
	}
	return all
}

// BenchmarkThreads sets the two ways to build a relay beside each other: one thread
// that owns epoll, and a goroutine for each connection. The broker is built the
// first way; this is why.
func BenchmarkThreads(b *testing.B) {
	var all []e2e.Comparison
	run(b, threads(), func(b *testing.B, c e2e.Comparison) {
		lines(b, c, value(e2e.Deliveries), xFloor)
		all = append(all, c)
	})
	document.Put(report.Section{
		Title: "Threads",
		Text: "128 B, as above. relay-plain has a goroutine for each connection, relay-batched one thread for all of them; neither decodes, " +
			"queues or filters. Ratios are to relay-plain here.",
		Tables: []report.Table{e2e.ThroughputTable(all)},
	})
}
