package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/daemoneye/eventbus/bench/report"
)

// The places of what takes part in a figure; a figure without a floor has none there.
const (
	atFloor = iota
	atBase
	atHead
	places
)

var placeNames = [places]string{"floor", "base", "head"}

// row is one figure of the table, measured in each round for each that takes part.
type row struct {
	group, name string
	bench, unit string // as a benchmark would have them: "Throughput/size=128", "msg/s"
	text        func(float64) string
	more        bool    // more is better
	aim         float64 // of the ratio to the floor, or of the value where there is no floor; 0: none
	free        bool    // shown, but may fall

	rounds []sample
}

// sample is one round of a row; NaN is what could not be measured.
type sample struct {
	value   [places]float64
	late    [places]float64 // the part of value that is the generator's lateness
	crowded bool            // others had too much of the machine
	lost    [places]int64   // deliveries that were lost, twice or out of order
}

// nothing is a sample of which nothing was measured.
func nothing() sample {
	var s sample
	for i := range s.value {
		s.value[i] = math.NaN()
	}
	return s
}

// column returns the values of a place.
func (r *row) column(place int) []float64 {
	return r.each(func(s sample) float64 { return s.value[place] })
}

// ratios returns the ratios of two places, a round each.
func (r *row) ratios(of, to int) []float64 {
	return r.each(func(s sample) float64 { return s.value[of] / s.value[to] })
}

// each returns what f makes of each round, without what could not be measured.
func (r *row) each(f func(sample) float64) []float64 {
	var all []float64
	for _, s := range r.rounds {
		if v := f(s); !math.IsNaN(v) && !math.IsInf(v, 0) {
			all = append(all, v)
		}
	}
	return all
}

// change is the judgement on head beside base.
type change struct {
	ratio, low, high float64
	verdict          report.Verdict
	why              string
}

// leastRounds is how many rounds a verdict needs at least.
const leastRounds = 3

// change holds head / base against a limit: 0.03 lets it be worse by 3 %.
func (r *row) change(limit float64) change {
	ratios := r.ratios(atHead, atBase)
	c := change{ratio: median(ratios)}
	c.low, c.high = medianRange(ratios)
	if r.free {
		return c
	}
	if lost := r.lost(atHead); lost > 0 && r.lost(atBase) == 0 {
		c.verdict, c.why = report.Missed, fmt.Sprintf("%d deliveries lost, twice or out of order", lost)
		return c
	}
	if len(ratios) < leastRounds || 2*len(ratios) <= len(r.rounds) {
		c.verdict, c.why = report.NotMeasurable, fmt.Sprintf("measured in %d of %d rounds", len(ratios), max(leastRounds, len(r.rounds)))
		return c
	}
	c.verdict = report.MetIf(r.holds(c.ratio, limit))
	own := median(r.each(func(s sample) float64 {
		return (s.value[atHead] - s.late[atHead]) / (s.value[atBase] - s.late[atBase])
	}))
	oneSided := r.holds(c.low, limit) == r.holds(c.high, limit)
	crowded, isCrowded := r.crowded()
	switch {
	case isCrowded && !oneSided:
		c.verdict, c.why = report.NotMeasurable, crowded
	case c.verdict == report.Met:
	case r.holds(own, limit):
		c.verdict, c.why = report.NotMeasurable, fmt.Sprintf("%.3f without the generator's lateness", own)
	case c.low <= 1 && c.high >= 1:
		c.verdict, c.why = report.NotMeasurable, "the range holds 1"
	}
	return c
}

// crowded reports whether others had too much of the machine in half of the rounds or
// more.
func (r *row) crowded() (why string, yes bool) {
	n := 0
	for _, s := range r.rounds {
		if s.crowded {
			n++
		}
	}
	return fmt.Sprintf("crowded in %d of %d", n, len(r.rounds)), n > 0 && 2*n >= len(r.rounds)
}

// holds reports whether a ratio is not worse than 1 by more than limit.
func (r *row) holds(ratio, limit float64) bool {
	if r.more {
		return ratio >= 1-limit
	}
	return ratio <= 1+limit
}

func (r *row) lost(place int) int64 {
	var n int64
	for _, s := range r.rounds {
		n += s.lost[place]
	}
	return n
}

// aimed holds what head has reached against the aim of the row.
func (r *row) aimed() report.Judgement {
	v, text := median(r.column(atHead)), r.text
	if len(r.column(atFloor)) > 0 {
		v, text = median(r.ratios(atHead, atFloor)), ratio
	}
	j := report.Judgement{Measured: text(v)}
	if r.aim == 0 || len(r.column(atHead)) == 0 {
		return j
	}
	j.Target, j.Verdict = "≥ "+text(r.aim), report.MetIf(v >= r.aim)
	if !r.more {
		j.Target, j.Verdict = "≤ "+text(r.aim), report.MetIf(v <= r.aim)
	}
	isRatio := len(r.column(atFloor)) > 0 || strings.HasPrefix(r.unit, "x-")
	if _, crowded := r.crowded(); crowded && (isRatio || j.Verdict == report.Missed) {
		j.Verdict = report.NotMeasurable // a value by itself is only made worse by others
	}
	return j
}

func ratio(v float64) string { return fmt.Sprintf("%.2f", v) }
