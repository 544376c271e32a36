package report

import "fmt"

// Verdict is what came of holding a figure against its target.
type Verdict int

// The verdicts. The zero value is that of a figure without a target.
const (
	NoTarget Verdict = iota
	Met
	Missed
	NotMeasurable // the machine or the generator may be why the figure is what it is
)

func (v Verdict) String() string {
	switch v {
	case Met:
		return "met"
	case Missed:
		return "missed"
	case NotMeasurable:
		return "not measurable"
	}
	return ""
}

// MetIf returns Met or Missed.
func MetIf(met bool) Verdict {
	if met {
		return Met
	}
	return Missed
}

// Judgement is a figure, its target and the verdict.
type Judgement struct {
	What     string // the figure's name: "128 B 1→4, daemoneye: throughput × relay-batched"
	Measured string
	Target   string
	Verdict  Verdict
	Why      string // the reason for a verdict that is not clear from the figure
}

// String is how a judgement stands in the cell of a table.
func (j Judgement) String() string {
	if j.Verdict == NoTarget {
		return j.Measured
	}
	return fmt.Sprintf("%s (%s %s)", j.Measured, j.Target, j.Verdict)
}

// Targets returns the table of the judgements that have a target, and how many those
// are.
func Targets(all []Judgement) (t Table, n int) {
	t = Table{Head: []string{"what", "measured", "target", "verdict", "why"}, Left: 5}
	count := make(map[Verdict]int)
	for _, j := range all {
		if j.Verdict != NoTarget {
			count[j.Verdict]++
			t.Add(j.What, j.Measured, j.Target, j.Verdict.String(), j.Why)
		}
	}
	t.Notes = []string{fmt.Sprintf("%d met, %d missed, %d not measurable.",
		count[Met], count[Missed], count[NotMeasurable])}
	return t, len(t.Rows)
}
