package agent

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/agent/procstat"
	"github.com/daemoneye/eventbus/router"
)

const (
	// sampling is the interval of the monitor.
	sampling = 5 * time.Second
	// fresh is how old a sample of the processes may be that is shown.
	fresh = time.Second
)

// monitor samples the agent's processes and the broker's books at intervals, so
// that shares and changes are of a known time. Safe for concurrent use.
type monitor struct {
	broker  *router.Broker
	manager *manager.Manager

	mu        sync.Mutex
	processes map[int]*measured // guarded by mu; by pid, the agent's own among them
	past      []router.Stats    // guarded by mu; the totals of the last minute, one a sampling
}

// measured is one process and its latest measurement.
type measured struct {
	sampler *procstat.Sampler
	at      time.Time
	usage   control.Usage
}

func newMonitor(b *router.Broker, m *manager.Manager) (*monitor, error) {
	self, err := procstat.New(os.Getpid())
	if err != nil {
		return nil, err
	}
	own := map[int]*measured{os.Getpid(): {sampler: self}}
	return &monitor{broker: b, manager: m, processes: own}, nil
}

// run samples until ctx ends.
func (m *monitor) run(ctx context.Context) {
	t := time.NewTicker(sampling)
	defer t.Stop()
	for {
		m.sample(time.Now(), 0)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if s, err := m.broker.Stats(ctx); err == nil {
			m.remember(s)
		}
	}
}

// remember keeps the totals of s.
func (m *monitor) remember(s router.Stats) {
	s.Clients, s.Subscriptions = nil, nil
	m.mu.Lock()
	defer m.mu.Unlock()
	m.past = append(m.past, s)
	if over := len(m.past) - int(time.Minute/sampling); over > 0 {
		m.past = m.past[over:]
	}
}

// minuteAgo returns the oldest totals of the last minute, or nil while that has
// not passed.
func (m *monitor) minuteAgo() *router.Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.past) < int(time.Minute/sampling) {
		return nil
	}
	s := m.past[0]
	return &s
}

// sample measures the agent and the collectors that run, but for those that were
// measured less than after ago.
func (m *monitor) sample(now time.Time, after time.Duration) {
	running := []int{os.Getpid()}
	for _, c := range m.manager.Status() {
		if c.PID != 0 {
			running = append(running, c.PID)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[int]*measured, len(running))
	for _, pid := range running {
		if p := m.measure(pid, now, after); p != nil {
			all[pid] = p
		}
	}
	m.processes = all
}

// measure returns nil for a process that has ended. mu is held.
func (m *monitor) measure(pid int, now time.Time, after time.Duration) *measured {
	p := m.processes[pid]
	if p == nil {
		s, err := procstat.New(pid)
		if err != nil {
			return nil
		}
		p = &measured{sampler: s}
	}
	if now.Sub(p.at) < after {
		return p
	}
	x, err := p.sampler.Sample(now)
	if err != nil {
		return nil
	}
	p.at = now
	p.usage = control.Usage{CPUPercent: 100 * x.CPUCore, RSS: uint64(x.ResidentBytes), Threads: x.Threads, OpenFiles: x.Descriptors}
	return p
}

// expire has a process measured again before it is shown: what it takes has
// changed with its state.
func (m *monitor) expire(pid int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.processes[pid]; p != nil {
		p.at = time.Time{}
	}
}

// fill puts the latest measurements into s.
func (m *monitor) fill(s *control.Status) {
	m.sample(time.Now(), fresh)
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.processes[s.PID]; p != nil {
		s.Usage = p.usage
	}
	for i := range s.Collectors {
		if p := m.processes[s.Collectors[i].PID]; p != nil {
			u := p.usage
			s.Collectors[i].Usage = &u
		}
	}
}
