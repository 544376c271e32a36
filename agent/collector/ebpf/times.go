package ebpf

import (
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Time is what a program took since it was loaded.
type Time struct {
	Program string
	ID      uint32 // the kernel's number of it, as bpftool shows it
	Runs    uint64
	Spent   time.Duration
	// Missed are runs that the kernel left out because the program was running on that
	// cpu already.
	Missed uint64
}

// MeasureTime has the kernel count runs and time of all programs of the host until stop
// is called, which costs each run some 20 ns.
func MeasureTime() (stop func(), err error) {
	c, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	if err != nil {
		return nil, classify(err)
	}
	return func() { c.Close() }, nil
}

// Times returns what each program took. Runs and Spent count only while somebody has the
// kernel measure it, as MeasureTime does.
func (p *Programs) Times() (times []Time, err error) {
	for _, g := range p.programs {
		s, err := g.Stats()
		if err != nil {
			return nil, classify(err)
		}
		times = append(times, Time{g.name, g.id, s.RunCount, s.Runtime, s.RecursionMisses})
	}
	return times, nil
}
