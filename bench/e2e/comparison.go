package e2e

import (
	"fmt"

	"github.com/daemoneye/eventbus/bench/report"
)

// Comparison is a set of series of the same run, one of which is the floor for the
// others.
type Comparison struct {
	Floor  string // label of the entry that the others are compared with
	Series []Series
}

// floor returns the series to compare with; an empty one, which gives no ratios,
// when it was not measured.
func (c Comparison) floor() Series {
	for _, s := range c.Series {
		if s.Label() == c.Floor {
			return s
		}
	}
	return Series{}
}

// othersNote explains the column of that name.
const othersNote = "Others is the share of the machine that was busy for other processes or taken by the hypervisor."

// ThroughputTable sets throughput beside its floor, a block of rows for each
// comparison.
func ThroughputTable(comparisons []Comparison) report.Table {
	t := report.Table{
		Head: []string{"size", "fan", "system", "deliveries/s", "MB/s", "× floor", "broker CPU/msg", "publisher", "subscriber", "allocs", "others", "lost"},
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
				t.Judge(c.Judge(s, Deliveries, s.Aim.Rate)),
				broker,
				nanoseconds(s.Median(func(o Outcome) float64 { return o.clientNs(o.Publishers) })),
				nanoseconds(s.Median(func(o Outcome) float64 { return o.clientNs(o.Subscribers) })),
				t.Judge(s.allocations()),
				s.others(),
				fmt.Sprintf("%.0f", s.Worst(func(o Outcome) float64 { return float64(o.Lost()) })),
			)
		}
	}
	if len(comparisons) > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("Medians of %s; lost is the worst round. Floor: %s of the same run. "+
			"CPU and allocations of broker, publishers and subscribers are for each delivery, the generator's and the receiver's own included. "+
			othersNote, rounds(comparisons[0]), comparisons[0].Floor))
	}
	return t
}

// LatencyTable sets the latency of an open loop beside its floor.
func LatencyTable(c Comparison) report.Table {
	t := report.Table{
		Head: []string{"system", "p50", "p99", "p99.9", "max", "p50 × floor", "p99 × floor", "broker CPU", "CPU × floor", "late p50", "late p99", "others", "lost"},
		Left: 1,
	}
	for _, s := range c.Series {
		cpu, cpuRatio := report.Absent, report.Absent
		if s.System.Broker != nil {
			cpu = report.Percent(s.Median(BrokerCores))
			cpuRatio = t.Judge(c.Judge(s, BrokerCPU, s.Aim.CPU))
		}
		p50 := nanoseconds(s.Median(LatencyAt(0.50)))
		if below := s.Aim.Below; below > 0 {
			p50 = t.Judge(s.Judge(Latency(0.50), float64(below)))
		}
		t.Add(s.Label(), p50,
			nanoseconds(s.Median(LatencyAt(0.99))),
			nanoseconds(s.Median(LatencyAt(0.999))),
			nanoseconds(s.Median(LatencyAt(1))),
			t.Judge(c.Judge(s, Latency(0.50), s.Aim.P50)),
			t.Judge(c.Judge(s, Latency(0.99), s.Aim.P99)),
			cpu, cpuRatio,
			nanoseconds(s.Median(OwnLatenessAt(0.50))),
			nanoseconds(s.Median(OwnLatenessAt(0.99))),
			s.others(),
			fmt.Sprintf("%.0f", s.Worst(func(o Outcome) float64 { return float64(o.Lost()) })),
		)
	}
	t.Notes = append(t.Notes, fmt.Sprintf("Medians of %s; from the time at which a message was due. CPU as a share of one core. "+
		"Late is the generator itself, without the time that the system kept it: a tail that is no longer than that belongs to the machine. "+
		othersNote, rounds(c)))
	return t
}

// PauseTable sets the collector's pauses of the brokers side by side.
func PauseTable(c Comparison) report.Table {
	t := report.Table{Head: []string{"broker", "pauses", "p50", "p99", "longest", "p99 × floor"}, Left: 1}
	for _, s := range c.Series {
		t.Add(s.Label(),
			fmt.Sprintf("%.0f", s.Median(func(o Outcome) float64 { return float64(o.Broker.Pauses.Count) })),
			nanoseconds(s.Median(func(o Outcome) float64 { return float64(o.Broker.Pauses.P50) })),
			nanoseconds(s.Median(PauseP99.Of)),
			nanoseconds(s.Median(func(o Outcome) float64 { return float64(o.Broker.Pauses.Max) })),
			t.Judge(c.Judge(s, PauseP99, s.Aim.Pause)),
		)
	}
	t.Notes = append(t.Notes, fmt.Sprintf("Medians of %s, in which the broker's process collected garbage every %s under load.",
		rounds(c), report.Duration(c.floor().Spec.Collect)))
	return t
}

func rounds(c Comparison) string {
	if n := len(c.floor().Outcomes); n != 1 {
		return fmt.Sprintf("%d rounds", n)
	}
	return "1 round"
}

// others writes the median of what other processes had of the machine.
func (s Series) others() string {
	var known bool
	share := s.Median(func(o Outcome) float64 {
		v, ok := o.Others()
		known = known || ok
		return v
	})
	if !known {
		return report.Absent
	}
	return report.Percent(share)
}

// noAllocs is what a system stays below that allocates nothing for a message. The
// runtime's own timers and threads make some objects.
const noAllocs = 0.001

// allocations holds a system against none, if that is its aim.
func (s Series) allocations() report.Judgement {
	v := s.Median(Allocations.Of)
	if !s.Aim.NoAllocs || v < 0 {
		return report.Judgement{Measured: Allocations.Text(v)}
	}
	return s.Judge(Allocations, noAllocs)
}
