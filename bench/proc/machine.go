package proc

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"time"

	"github.com/daemoneye/eventbus/bench/load"
)

// Machine is what all processors of the machine did during a measurement.
type Machine struct {
	Known bool // false where the kernel does not show it, or in another form
	Wall  time.Duration
	Cores int
	Busy  time.Duration // of all cores together, in whatever process, stolen time included
	Stole time.Duration // taken by the hypervisor
	Own   time.Duration // taken by the calling process
}

// WatchMachine blocks until the measured part of span is over, and returns what the
// machine did in it.
func WatchMachine(ctx context.Context, span load.Span) (Machine, error) {
	if err := wait(ctx, span.From); err != nil {
		return Machine{}, err
	}
	w := StartWatch()
	if err := wait(ctx, span.To); err != nil {
		return Machine{}, err
	}
	return w.Stop(), nil
}

// Watch is a look at the machine that has begun.
type Watch struct {
	at     int64
	own    time.Duration
	before processors
}

// StartWatch begins to look at the machine.
func StartWatch() Watch { return Watch{at: load.Now(), own: ownCPU(), before: readProcessors()} }

// Stop returns what the machine did since the start.
func (w Watch) Stop() Machine {
	after := readProcessors()
	return Machine{
		Known: w.before.known && after.known && w.before.cores == after.cores,
		Wall:  time.Duration(load.Now() - w.at),
		Cores: after.cores,
		Busy:  after.busy - w.before.busy,
		Stole: after.stole - w.before.stole,
		Own:   ownCPU() - w.own,
	}
}

// Others returns the share of the machine that was busy neither for the calling
// process nor for those that took the time measured, 0.1 is a tenth. The kernel
// counts in ticks, so one tick a core is left out: what is returned is surely so. It
// returns false where that is not known.
func (m Machine) Others(measured time.Duration) (share float64, known bool) {
	if !m.Known || m.Wall <= 0 || m.Cores == 0 {
		return 0, false
	}
	unsure := time.Duration(m.Cores) * time.Second / ticks
	return max(0, float64(m.Busy-m.Own-measured-unsure)/float64(m.Wall)/float64(m.Cores)), true
}

// processors is what the processors of the machine have done since its start.
type processors struct {
	known       bool
	cores       int
	busy, stole time.Duration
}

func readProcessors() processors {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return processors{}
	}
	return parseProcessors(b)
}

// parseProcessors reads the text of /proc/stat. Of a text that is not as expected it
// knows nothing.
func parseProcessors(b []byte) processors {
	const idle, iowait, steal, guest = 3, 4, 7, 8 // the fields after the name
	var p processors
	for line := range bytes.Lines(b) {
		name, rest, _ := bytes.Cut(line, []byte(" "))
		switch {
		case string(name) == "cpu":
			var i int
			for f := range bytes.FieldsSeq(rest) {
				n, err := strconv.ParseInt(string(f), 10, 64)
				if err != nil {
					return processors{}
				}
				spent := time.Duration(n) * time.Second / ticks
				if i < guest && i != idle && i != iowait { // user and nice hold the time of guests
					p.busy += spent
				}
				if i == steal {
					p.stole = spent
					p.known = true
				}
				i++
			}
		case bytes.HasPrefix(name, []byte("cpu")):
			p.cores++
		}
	}
	if p.cores == 0 {
		return processors{}
	}
	return p
}
