package bench_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// comparison is some systems that are measured in turn, and the sub-benchmark that
// it is.
type comparison struct {
	keys    string // "pubs=1/subs=4/size=128"
	floor   string // label of the entry that the others are compared with
	entries []e2e.Entry
}

// run measures the comparisons that -bench selects, a sub-benchmark each, and hands
// each to then, which reports it.
func run(b *testing.B, comparisons []comparison, then func(*testing.B, e2e.Comparison)) {
	for _, c := range comparisons {
		b.Run(c.keys, func(b *testing.B) { then(b, c.measure(b)) })
	}
}

// measure measures each entry in each round, in turn.
func (c comparison) measure(b *testing.B) e2e.Comparison {
	series, err := e2e.Rounds(b.Context(), rounds, c.entries,
		func(round int, e e2e.Entry) {
			progress.Begin(fmt.Sprintf("%s, %s, round %d of %d", strings.TrimPrefix(b.Name(), "Benchmark"), e.Label(), round+1, rounds))
		},
		func(e e2e.Entry, o e2e.Outcome) {
			// A flood is meant to lose; there the announcements have to add up.
			if flood := e.Spec.Rate == 0 && e.Spec.Window == 0; o.Disorder != 0 || !flood && o.Lost() != 0 || flood && o.Lost() != int64(o.Announced) {
				b.Errorf("%s %s: of %d deliveries %d were lost, %d announced as lost, %d out of order or twice",
					e.Label(), e.Spec.Fan(), o.Due, o.Lost(), o.Announced, o.Disorder)
			}
		})
	if err != nil {
		b.Fatal(err)
	}
	return e2e.Comparison{Floor: c.floor, Series: series}
}

// metric is a figure of an outcome, in a unit in which the system does not stand: so
// benchstat sets systems side by side.
type metric struct {
	unit string
	of   func(o, floor e2e.Outcome) float64
}

// value is the metric of a quantity.
func value(q e2e.Quantity) metric {
	return metric{q.Unit, func(o, _ e2e.Outcome) float64 { return q.Of(o) }}
}

// xFloor is the throughput as a multiple of the floor's in the same round.
var xFloor = metric{"x-floor", func(o, floor e2e.Outcome) float64 {
	if floor.Rate == 0 {
		return 0
	}
	return o.Rate / floor.Rate
}}

// lines reports each round of each system as a line of its own.
func lines(b *testing.B, c e2e.Comparison, metrics ...metric) {
	var floor []e2e.Outcome
	budgets := false
	for _, s := range c.Series {
		if s.Label() == c.Floor {
			floor = s.Outcomes
		}
		budgets = budgets || s.Spec.Budget > 0
	}
	for _, s := range c.Series {
		keys := "system=" + s.System.Name
		if budgets {
			keys = s.Spec.BudgetKey() + "/" + keys
		}
		line(b, keys, func(round int) []sample {
			var all []sample
			for _, m := range metrics {
				var of e2e.Outcome
				if round < len(floor) {
					of = floor[round]
				}
				all = append(all, sample{m.of(s.Outcomes[round], of), m.unit})
			}
			return all
		})
	}
}

// sample is one figure of one round.
type sample struct {
	value float64
	unit  string
}

// samples gathers all lines, for the file.
var samples strings.Builder

// line reports the rounds of one sub-benchmark. The testing package runs it as often as
// -count, which is the number of rounds.
func line(b *testing.B, keys string, of func(round int) []sample) {
	round := 0
	b.Run(keys, func(b *testing.B) {
		b.ReportMetric(0, "ns/op") // it only reports
		fmt.Fprintf(&samples, "%s 1", b.Name())
		for _, s := range of(round) {
			b.ReportMetric(s.value, s.unit)
			fmt.Fprintf(&samples, " %v %s", s.value, s.unit)
		}
		samples.WriteByte('\n')
		round++
	})
}

// units are what benchstat should know of the units. Of times and of bytes a second it
// knows which is better.
const units = `Unit msg/s better=higher
Unit sent/s better=higher
Unit x-floor better=higher
Unit broker-cores better=lower
Unit allocs/msg better=lower
Unit B/conn better=lower
Unit RSS-B better=lower
`

// config writes which machine it is, and the units.
func config(w io.Writer) {
	_ = document.Machine.Config(w) // a closed standard output is noticed by the benchmarks
	_, _ = io.WriteString(w, units)
}

func text(t report.Table) string {
	var b strings.Builder
	_ = t.Markdown(&b) // a strings.Builder takes everything
	return b.String()
}
