package e2e

import (
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/bench/report"
)

// Comparison is a set of series of the same run, one of which is the floor for the others.
type Comparison struct {
	Floor  string // name of the system
	Series []Series
}

// floor returns the series to compare with; an empty one, which gives no ratios, when it was not measured.
func (c Comparison) floor() Series {
	for _, s := range c.Series {
		if s.System.Name == c.Floor {
			return s
		}
	}
	return Series{}
}

// ratio writes what of returns for s as a ratio to the floor, and whether that reaches an aim.
func (c Comparison) ratio(s Series, of func(Outcome) float64, aim float64, atLeast bool) string {
	if s.System.Name == c.Floor {
		return "floor"
	}
	floor := c.floor().Median(of)
	if floor == 0 || s.Median(of) == 0 {
		return report.Absent
	}
	ratio := s.Median(of) / floor
	text := fmt.Sprintf("%.2f", ratio)
	if aim == 0 {
		return text
	}
	sign, met := "≤", ratio <= aim
	if atLeast {
		sign, met = "≥", ratio >= aim
	}
	return fmt.Sprintf("%s (%s %.2f %s)", text, sign, aim, verdict(met))
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}

// ThroughputTable sets throughput beside its floor, a block of rows for each comparison.
func ThroughputTable(comparisons []Comparison) report.Table {
	t := report.Table{
		Head: []string{"size", "fan", "system", "deliveries/s", "MB/s", "× floor", "broker CPU/msg", "publisher", "subscriber", "lost"},
		Left: 3,
	}
	for _, c := range comparisons {
		for _, s := range c.Series {
			broker := report.Absent
			if s.System.Broker != nil {
				broker = nanoseconds(s.Median(func(o Outcome) float64 { return o.BrokerNs }))
			}
			t.Add(report.Bytes(int64(s.Spec.Size)), s.Spec.Fan(), s.Label(),
				report.Count(s.Median(Rate)),
				fmt.Sprintf("%.0f", s.Median(func(o Outcome) float64 { return o.Bandwidth })/1e6),
				c.ratio(s, Rate, s.Aim.Rate, true),
				broker,
				nanoseconds(s.Median(func(o Outcome) float64 { return o.clientNs(o.Publishers) })),
				nanoseconds(s.Median(func(o Outcome) float64 { return o.clientNs(o.Subscribers) })),
				fmt.Sprintf("%.0f", s.Worst(func(o Outcome) float64 { return float64(o.Lost()) })),
			)
		}
	}
	if len(comparisons) > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("Medians of %s; lost is the worst round. Floor: %s of the same run. CPU of broker, publishers and subscribers is per delivery, the generator's and "+
			"the receiver's own work included.",
			rounds(comparisons[0]), comparisons[0].Floor))
	}
	return t
}

// LatencyTable sets the latency of an open loop beside its floor.
func LatencyTable(c Comparison) report.Table {
	t := report.Table{
		Head: []string{"system", "p50", "p99", "p99.9", "max", "p50 × floor", "p99 × floor", "broker CPU", "CPU × floor", "late p50", "late p99", "lost"},
		Left: 1,
	}
	for _, s := range c.Series {
		cpu, cpuRatio := report.Absent, report.Absent
		if s.System.Broker != nil {
			cpu = report.Percent(s.Median(BrokerCores))
			cpuRatio = c.ratio(s, BrokerCores, s.Aim.CPU, false)
		}
		p50 := nanoseconds(s.Median(LatencyAt(0.50)))
		if below := s.Aim.Below; below > 0 {
			p50 += fmt.Sprintf(" (≤ %s %s)", report.Duration(below), verdict(s.Median(LatencyAt(0.50)) <= float64(below)))
		}
		t.Add(s.Label(), p50,
			nanoseconds(s.Median(LatencyAt(0.99))),
			nanoseconds(s.Median(LatencyAt(0.999))),
			nanoseconds(s.Median(LatencyAt(1))),
			c.ratio(s, LatencyAt(0.50), s.Aim.P50, false),
			c.ratio(s, LatencyAt(0.99), s.Aim.P99, false),
			cpu, cpuRatio,
			nanoseconds(s.Median(LatenessAt(0.50))),
			nanoseconds(s.Median(LatenessAt(0.99))),
			fmt.Sprintf("%.0f", s.Worst(func(o Outcome) float64 { return float64(o.Lost()) })),
		)
	}
	t.Notes = append(t.Notes, fmt.Sprintf("Medians of %s; from the time at which a message was due. CPU as a share of one core. "+
		"Late is the generator itself: a tail that is no longer than its lateness belongs to the machine and not to the system.", rounds(c)))
	return t
}

// PauseTable sets the collector's pauses of the brokers side by side.
func PauseTable(c Comparison) report.Table {
	t := report.Table{Head: []string{"broker", "pauses", "p50", "p99", "longest", "p99 × floor"}, Left: 1}
	p99 := func(o Outcome) float64 { return float64(o.Broker.Pauses.P99) }
	for _, s := range c.Series {
		t.Add(s.Label(),
			fmt.Sprintf("%.0f", s.Median(func(o Outcome) float64 { return float64(o.Broker.Pauses.Count) })),
			nanoseconds(s.Median(func(o Outcome) float64 { return float64(o.Broker.Pauses.P50) })),
			nanoseconds(s.Median(p99)),
			nanoseconds(s.Median(func(o Outcome) float64 { return float64(o.Broker.Pauses.Max) })),
			c.ratio(s, p99, s.Aim.Pause, false),
		)
	}
	t.Notes = append(t.Notes, fmt.Sprintf("Medians of %s, in which the broker's process collected garbage every %s under load.",
		rounds(c), report.Duration(c.floor().Spec.Collect)))
	return t
}

func nanoseconds(ns float64) string { return report.Duration(time.Duration(ns)) }

func rounds(c Comparison) string {
	if n := len(c.floor().Outcomes); n != 1 {
		return fmt.Sprintf("%d rounds", n)
	}
	return "1 round"
}
