package main

import (
	"fmt"
	"io"
	"math"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// table sets base and head side by side, and returns how many figures have fallen.
func (j *job) table(limit float64) (t report.Table, fallen int) {
	t = report.Table{
		Head: []string{"figure", "", "base", "head", "head / base", "range", "base × floor", "head × floor", "verdict", "why"},
		Left: 2,
	}
	rounds := 0
	group := ""
	for _, r := range j.rows {
		rounds = max(rounds, len(r.rounds))
		c := r.change(limit)
		if c.verdict == report.Missed {
			fallen++
		}
		base, head, ofBase, ofHead := cell(r.column(atBase), r.text), cell(r.column(atHead), r.text), "", ""
		if len(r.column(atFloor)) > 0 {
			ofBase, ofHead = cell(r.ratios(atBase, atFloor), ratio), r.aimed().String()
		} else if len(r.column(atHead)) > 0 {
			head = r.aimed().String()
		}
		name := r.group
		if name == group {
			name = ""
		}
		group = r.group
		t.Add(name, r.name, base, head, fmt.Sprintf("%.3f", c.ratio), fmt.Sprintf("%.3f…%.3f", c.low, c.high), ofBase, ofHead, verdict(c.verdict), c.why)
	}
	t.Notes = []string{
		fmt.Sprintf("base is %s, head %s. Medians of %d rounds of %v. head / base is the median of the ratios within a round; "+
			"the range holds it with 95 %% certainty (below six rounds it is that of all ratios).", j.base.commit, j.head.commit, rounds, j.each),
		fmt.Sprintf("FALLEN is worse by more than %s. Floors: relay-batched for throughput, relay-usual for the open loop. "+
			"Crowded is a round in which others took more than %s of the machine.", report.Percent(limit), report.Percent(e2e.CrowdedFrom)),
	}
	return t, fallen
}

// verdict writes what came of head beside base.
func verdict(v report.Verdict) string {
	switch v {
	case report.Met:
		return "holds"
	case report.Missed:
		return "FALLEN"
	}
	return v.String()
}

func cell(values []float64, text func(float64) string) string {
	if len(values) == 0 {
		return report.Absent
	}
	return text(median(values))
}

// samples writes each round as lines that benchstat reads: -col /side sets base and
// head side by side.
func (j *job) samples(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "base: %s\nhead: %s\n", j.base.commit, j.head.commit); err != nil {
		return err
	}
	for _, r := range j.rows {
		for _, s := range r.rounds {
			for place, v := range s.value {
				if math.IsNaN(v) {
					continue
				}
				if _, err := fmt.Fprintf(w, "Benchmark%s/side=%s 1 %v %s\n", r.bench, placeNames[place], v, r.unit); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
