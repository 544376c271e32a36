package bench_test

import (
	"slices"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

const idleConnections = 64

// What a broker should stay below that has nothing to do.
const (
	idleStart      = 30 * time.Millisecond
	idleRSS        = 20_000_000
	idleConnection = 16 << 10
)

func below(met bool, aim string) string {
	if met {
		return " (< " + aim + " met)"
	}
	return " (< " + aim + " missed)"
}

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
		start, with, each := report.Duration(f.Start), report.Bytes(f.RSSWith), report.Bytes(f.PerConnection())
		if !s.Floor {
			start += below(f.Start < idleStart, report.Duration(idleStart))
			with += below(f.RSSWith < idleRSS, "20 MB")
			each += below(f.PerConnection() < idleConnection, report.Bytes(idleConnection))
		}
		t.Add(s.Name, start, report.Bytes(f.RSS), with, each, report.Percent(f.Cores))
		b.ReportMetric(float64(f.Start)/float64(time.Millisecond), s.Name+"-start-ms")
		b.ReportMetric(float64(f.PerConnection()), s.Name+"-B/conn")
	}
	t.Notes = []string{"A connection of an examined broker has a subscription. Each broker runs inside the test program; the floors show how much of memory and start is that program's."}
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

func median[S any, T ~int64 | ~float64](all []S, of func(S) T) T {
	var values []T
	for _, f := range all {
		values = append(values, of(f))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
