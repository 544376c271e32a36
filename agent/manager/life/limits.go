package life

import "fmt"

// Limits are what a collector may take; 0 is no limit.
type Limits struct {
	CPUPercent float64 // of one core
	RSS        uint64  // bytes
}

// patience is how many measurements in a row a collector may be above a limit before it is
// restarted. The first one warns.
const patience = 3

// Excess counts for how long a collector has taken more than it may. The zero Excess is
// ready for use.
type Excess struct{ cpu, rss int }

// Verdict is what is to be done about a measurement.
type Verdict struct {
	Warn, Restart bool
	Reason        string
}

// Measure takes what a collector takes, each nil where it is not known.
func (x *Excess) Measure(l Limits, cpuPercent *float64, rss *uint64) Verdict {
	over := func(count *int, is bool) int {
		if !is {
			*count = 0
			return 0
		}
		*count++
		return *count
	}
	cpu := over(&x.cpu, l.CPUPercent > 0 && cpuPercent != nil && *cpuPercent > l.CPUPercent)
	mem := over(&x.rss, l.RSS > 0 && rss != nil && *rss > l.RSS)
	v := Verdict{Warn: cpu == 1 || mem == 1, Restart: cpu >= patience || mem >= patience}
	switch {
	case mem > 0 && mem >= cpu:
		v.Reason = fmt.Sprintf("it takes %d MiB of memory, the limit is %d MiB", *rss>>20, l.RSS>>20)
	case cpu > 0:
		v.Reason = fmt.Sprintf("it takes %.0f %% of a core, the limit is %.0f %%", *cpuPercent, l.CPUPercent)
	}
	return v
}
