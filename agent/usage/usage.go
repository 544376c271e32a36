// Package usage measures what processes take.
package usage

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/procstat"
)

// Meter measures processes and keeps the latest figures of each. A process
// that cannot be measured has figures that are unknown. The zero Meter is ready
// for use.
//
// Safe for concurrent use.
type Meter struct {
	mu        sync.Mutex
	processes map[int]*metered // guarded by mu; by pid
}

// metered is one process with its latest figures.
type metered struct {
	sampler *procstat.Sampler // nil as long as the process could not be measured
	at      time.Time         // of the figures; zero when they have expired
	usage   control.Usage
}

// Measure measures these processes, but for those that were measured less than
// maxAge ago, and forgets all others.
func (u *Meter) Measure(pids []int, now time.Time, maxAge time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	current := make(map[int]*metered, len(pids))
	for _, pid := range pids {
		p := u.processes[pid]
		if p == nil {
			p = new(metered)
		}
		if now.Sub(p.at) < maxAge || p.measure(pid, now) {
			current[pid] = p
		}
	}
	u.processes = current
}

// measure returns false when the process has ended.
func (p *metered) measure(pid int, now time.Time) bool {
	usage, err := p.sample(pid, now)
	if errors.Is(err, os.ErrProcessDone) {
		return false
	}
	p.at, p.usage = now, control.Usage{} // all unknown
	if err == nil {
		p.usage = figures(&usage)
	}
	return true
}

func (p *metered) sample(pid int, now time.Time) (procstat.Usage, error) {
	if p.sampler == nil {
		s, err := procstat.New(pid)
		if err != nil {
			return procstat.Usage{}, err
		}
		p.sampler = s
	}
	return p.sampler.Sample(now)
}

func figures(u *procstat.Usage) control.Usage {
	c := control.Usage{RSS: u.ResidentBytes, Threads: u.Threads, OpenFiles: u.Descriptors}
	if u.CPUCore != nil {
		c.CPUPercent = new(100 * *u.CPUCore)
	}
	return c
}

// Expire makes the next measurement include the process, whenever it was measured
// last, because its figures have changed with its state.
func (u *Meter) Expire(pid int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if p := u.processes[pid]; p != nil {
		p.at = time.Time{}
	}
}

// Of returns the latest figures of a process; false when it has ended or was not
// measured yet.
func (u *Meter) Of(pid int) (control.Usage, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.processes[pid]
	if p == nil {
		return control.Usage{}, false
	}
	return p.usage, true
}
