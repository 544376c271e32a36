package bench_test

import (
	"slices"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

const idleConnections = 64

// BenchmarkIdle shows what brokers cost that have nothing to do: start, memory and connections.
func BenchmarkIdle(b *testing.B) {
	t := report.Table{
		Head: []string{"system", "start to accepting", "RSS", "RSS with 64 connections", "a connection", "CPU idle"},
		Left: 1,
	}
	brokers := slices.DeleteFunc(slices.Clone(systems), func(s e2e.System) bool { return s.Connect == nil })
	measuredAll := make([][]e2e.Footprint, len(brokers))
	for b.Loop() {
		for range roundsWanted {
			for i, s := range brokers {
				f, err := e2e.Idle(b.Context(), s, idleConnections, measured)
				if err != nil {
					b.Fatal(err)
				}
				measuredAll[i] = append(measuredAll[i], f)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, s := range brokers {
		f := medianFootprint(measuredAll[i])
		t.Add(s.Name, report.Duration(f.Start), report.Bytes(f.RSS), report.Bytes(f.RSSWith), report.Bytes(f.PerConnection()), report.Percent(f.Cores))
		b.ReportMetric(float64(f.Start)/float64(time.Millisecond), s.Name+"-start-ms")
		b.ReportMetric(float64(f.PerConnection()), s.Name+"-B/conn")
	}
	t.Notes = []string{"Each broker runs inside the test program; the floors show how much of memory and start is that program's."}
	document.Put(report.Section{Title: "Idle", Text: "A broker with nothing to do, and with 64 connections that have nothing to say.", Tables: []report.Table{t}})
}

// medianFootprint returns the median of each figure for itself.
func medianFootprint(all []e2e.Footprint) e2e.Footprint {
	f := all[0]
	f.Start = median(all, func(f e2e.Footprint) time.Duration { return f.Start })
	f.RSS = median(all, func(f e2e.Footprint) int64 { return f.RSS })
	f.RSSWith = median(all, func(f e2e.Footprint) int64 { return f.RSSWith })
	f.Cores = median(all, func(f e2e.Footprint) float64 { return f.Cores })
	return f
}

func median[T ~int64 | ~float64](all []e2e.Footprint, of func(e2e.Footprint) T) T {
	var values []T
	for _, f := range all {
		values = append(values, of(f))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
