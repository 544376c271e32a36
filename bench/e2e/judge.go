package e2e

import (
	"fmt"

	"github.com/daemoneye/eventbus/bench/report"
)

// CrowdedFrom is the share of the machine from which on others take so much of it that
// a figure means little.
const CrowdedFrom = 0.10

// Others returns the share of the machine that was busy meanwhile for none of the
// processes that were measured, time that the hypervisor took included; false where
// that is not known.
func (o Outcome) Others() (share float64, known bool) {
	own := o.Broker.CPU
	for _, u := range o.Publishers {
		own += u.CPU
	}
	for _, u := range o.Subscribers {
		own += u.CPU
	}
	return o.Machine.Others(own)
}

// Crowded reports whether the machine was crowded in half of the rounds or more, so
// that the medians may be figures of such a round, and why.
func (s Series) Crowded() (why string, yes bool) {
	n, most := 0, 0.0
	for _, o := range s.Outcomes {
		if share, known := o.Others(); known && share > CrowdedFrom {
			n++
			most = max(most, share)
		}
	}
	if n == 0 || 2*n < len(s.Outcomes) {
		return "", false
	}
	return fmt.Sprintf("others took up to %s of the machine in %d of %d rounds", report.Percent(most), n, len(s.Outcomes)), true
}

// Judge holds the median of a quantity against a target of its own kind: at least the
// target where more is better, else at most.
//
// A crowded machine and a late generator make figures worse and never better, so a
// target that is met is met whatever they did. One that is missed is not measurable
// when the machine was crowded, or when the figure without the generator's own lateness
// would meet it.
func (s Series) Judge(q Quantity, target float64) report.Judgement {
	v := s.Median(q.Of)
	j := report.Judgement{
		What:     fmt.Sprintf("%s, %s: %s", s.Spec, s.Label(), q.Name),
		Measured: q.Text(v),
		Target:   sign(q.More) + " " + q.Text(target),
		Verdict:  report.MetIf(q.reaches(v, target)),
	}
	if j.Verdict == report.Met {
		return j
	}
	if own := s.own(q); own > 0 && q.reaches(v-own, target) {
		j.Verdict, j.Why = report.NotMeasurable, fmt.Sprintf("the generator itself was late by %s", q.Text(own))
	} else if why, crowded := s.Crowded(); crowded {
		j.Verdict, j.Why = report.NotMeasurable, why
	}
	return j
}

// own is the median of the generator's own part in a quantity.
func (s Series) own(q Quantity) float64 {
	if q.Own == nil {
		return 0
	}
	return s.Median(q.Own)
}

// reaches reports whether v reaches a target.
func (q Quantity) reaches(v, target float64) bool {
	if q.More {
		return v >= target
	}
	return v <= target
}

func sign(more bool) string {
	if more {
		return "≥"
	}
	return "≤"
}

// Judge holds the ratio of a quantity of s to that of the floor against a target; 0 is
// no target.
//
// A crowded machine may move a ratio either way, so no target is measurable then. Nor
// is one when the verdict would be another without the generator's own lateness.
func (c Comparison) Judge(s Series, q Quantity, target float64) report.Judgement {
	if s.Label() == c.Floor {
		return report.Judgement{Measured: "floor"}
	}
	f := c.floor()
	v, of := s.Median(q.Of), f.Median(q.Of)
	if v == 0 || of == 0 {
		return report.Judgement{Measured: report.Absent}
	}
	j := report.Judgement{Measured: fmt.Sprintf("%.2f", v/of)}
	if target == 0 {
		return j
	}
	j.What = fmt.Sprintf("%s, %s: %s × %s", s.Spec, s.Label(), q.Name, c.Floor)
	j.Target = fmt.Sprintf("%s %.2f", sign(q.More), target)
	j.Verdict = report.MetIf(q.reaches(v/of, target))
	own, ownOf := s.own(q), f.own(q)
	if (own > 0 || ownOf > 0) && (of <= ownOf || q.reaches((v-own)/(of-ownOf), target) != q.reaches(v/of, target)) {
		j.Verdict = report.NotMeasurable
		j.Why = fmt.Sprintf("the generator itself was late by %s, and by %s at the floor", q.Text(own), q.Text(ownOf))
		return j
	}
	for _, side := range []Series{s, f} {
		if why, crowded := side.Crowded(); crowded {
			j.Verdict, j.Why = report.NotMeasurable, side.Label()+": "+why
			break
		}
	}
	return j
}
