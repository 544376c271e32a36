package e2e

import (
	"context"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/report"
)

// Entry is a system that takes part in a comparison, and what it is measured with.
type Entry struct {
	System System
	Spec   Spec
	Aim    Aim
}

// Label names the entry in a table.
func (e Entry) Label() string {
	if e.Spec.Budget > 0 {
		return e.System.Name + ", budget " + report.Duration(e.Spec.Budget)
	}
	return e.System.Name
}

// Aim is what an entry should reach, as ratios to the floor; 0 is no aim.
type Aim struct {
	Rate  float64       // deliveries a second, at least
	P50   float64       // latency, at most
	P99   float64       // latency, at most
	CPU   float64       // broker's, at most
	Pause float64       // p99 of the collector's pauses, at most
	Below time.Duration // p50 itself, no ratio, at most

	NoAllocs bool // no object on the heap for a delivery, in any process
}

// Series are the outcomes of one entry, a round each.
type Series struct {
	Entry
	Outcomes []Outcome
}

// Rounds measures the entries in turn, n times over: A B A B, and not A A B B, so that
// what else happens on the machine strikes them all. It calls before ahead of each
// measurement and after behind it; both may be nil.
func Rounds(ctx context.Context, n int, entries []Entry, before func(round int, e Entry), after func(Entry, Outcome)) ([]Series, error) {
	series := make([]Series, len(entries))
	for i, e := range entries {
		series[i].Entry = e
	}
	for round := range n {
		for i, e := range entries {
			if before != nil {
				before(round, e)
			}
			o, err := Run(ctx, e.System, e.Spec)
			if err != nil {
				return nil, err
			}
			series[i].Outcomes = append(series[i].Outcomes, o)
			if after != nil {
				after(e, o)
			}
		}
	}
	return series, nil
}

// Median returns the median over the rounds of what of returns.
func (s Series) Median(of func(Outcome) float64) float64 {
	var all []float64
	for _, o := range s.Outcomes {
		all = append(all, of(o))
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	middle := len(all) / 2
	if len(all)%2 == 0 {
		return (all[middle-1] + all[middle]) / 2
	}
	return all[middle]
}

// Worst returns the largest of what of returns.
func (s Series) Worst(of func(Outcome) float64) float64 {
	var worst float64
	for i, o := range s.Outcomes {
		if v := of(o); i == 0 || v > worst {
			worst = v
		}
	}
	return worst
}

// Latency returns the latencies of all rounds together.
func (s Series) Latency() *load.Histogram {
	all := new(load.Histogram)
	for _, o := range s.Outcomes {
		all.Merge(o.Latency)
	}
	return all
}
