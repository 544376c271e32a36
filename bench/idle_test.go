package bench_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/bus"
	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// idleConnections is how many connections share what the first of them costs. With 64
// the figure for one swings by a quarter between two runs, with 256 by a twentieth.
const idleConnections = 256

// What a broker should stay below that has nothing to do; for a connection see
// bus.ConnectionAim.
const (
	idleStart = 30 * time.Millisecond
	idleRSS   = 20_000_000
)

// brokers are the systems that can be connected to.
func brokers() []e2e.System {
	return slices.DeleteFunc(slices.Clone(systems), func(s e2e.System) bool { return s.Connect == nil })
}

// footprints measures each broker in each round, in turn.
func footprints(b *testing.B, of []e2e.System) [][]e2e.Footprint {
	all := make([][]e2e.Footprint, len(of))
	for round := range rounds {
		for i, s := range of {
			progress.Begin(fmt.Sprintf("%s, %s, round %d of %d", strings.TrimPrefix(b.Name(), "Benchmark"), s.Name, round+1, rounds))
			f, err := e2e.Idle(b.Context(), s, idleConnections, measured)
			if err != nil {
				b.Fatal(err)
			}
			all[i] = append(all[i], f)
		}
	}
	return all
}

// footprintLine reports the rounds of one broker.
func footprintLine(b *testing.B, s e2e.System, all []e2e.Footprint) {
	line(b, "system="+s.Name, func(round int) []sample {
		f := all[round]
		return []sample{{float64(f.Start), "start-ns"}, {float64(f.PerConnection()), "B/conn"}, {float64(f.RSSWith), "RSS-B"}}
	})
}

// BenchmarkIdle shows what brokers cost that have nothing to do: start, memory and
// connections.
func BenchmarkIdle(b *testing.B) {
	t := report.Table{
		Head: []string{"system", "start to accepting", "RSS", fmt.Sprintf("RSS with %d connections", idleConnections), "a connection", "CPU idle"},
		Left: 1,
	}
	all := footprints(b, brokers())
	for i, s := range brokers() {
		f := medianFootprint(all[i])
		start, with, each := report.Duration(f.Start), report.Bytes(f.RSSWith), report.Bytes(f.PerConnection())
		if !s.Floor {
			start = t.Judge(judgeStart(s, all[i], idleStart))
			with = t.Judge(report.Judgement{
				What: fmt.Sprintf("%s: memory with %d idle connections", s.Name, idleConnections), Measured: with, Target: "< 20 MB", Verdict: report.MetIf(f.RSSWith < idleRSS),
			})
			each = t.Judge(report.Judgement{
				What: s.Name + ": an idle connection with a subscription", Measured: each,
				Target: "≤ " + report.Bytes(bus.ConnectionAim), Verdict: report.MetIf(f.PerConnection() <= bus.ConnectionAim),
			})
		}
		t.Add(s.Name, start, report.Bytes(f.RSS), with, each, report.Percent(f.Cores))
		footprintLine(b, s, all[i])
	}
	t.Notes = []string{"A connection of an examined broker has a subscription. Each broker runs inside of the program that has all their roles (bench/roles); the floors show how much of memory and start is that program itself."}
	document.Put(report.Section{Title: "Idle", Text: fmt.Sprintf("A broker with nothing to do, and with %d connections that are idle.", idleConnections), Tables: []report.Table{t}})
}

// judgeStart holds the start of a broker against a limit. A machine that was crowded in
// half of the rounds or more makes a start longer, and never shorter.
func judgeStart(s e2e.System, all []e2e.Footprint, limit time.Duration) report.Judgement {
	start := medianFootprint(all).Start
	j := report.Judgement{
		What: s.Name + ": start, from the process to the first connection", Measured: report.Duration(start),
		Target: "< " + report.Duration(limit), Verdict: report.MetIf(start < limit),
	}
	crowded := 0
	for _, f := range all {
		if f.Crowded {
			crowded++
		}
	}
	if j.Verdict == report.Missed && 2*crowded >= len(all) {
		j.Verdict, j.Why = report.NotMeasurable, fmt.Sprintf("others took too much of the machine in %d of %d rounds", crowded, len(all))
	}
	return j
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
