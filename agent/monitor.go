package agent

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/health"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/agent/procstat"
	"github.com/daemoneye/eventbus/router"
)

const (
	// sampling is the interval of the monitor.
	sampling = 5 * time.Second
	// fresh is how old a sample of the processes may be that is shown.
	fresh = time.Second
	// leastShare is the least time over which a share of the processor is taken:
	// the kernel counts in steps of 10 ms.
	leastShare = 500 * time.Millisecond
)

// monitor samples the agent's processes and the broker's books at intervals, so
// that shares and changes are of a known time, and tells the log. Safe for
// concurrent use.
type monitor struct {
	broker  *router.Broker
	manager *manager.Manager
	log     *slog.Logger

	statistics chan time.Duration // a new interval of lines in the log, 0 for none; holds the last one

	mu        sync.Mutex
	processes map[int]*measured // guarded by mu; by pid, the agent's own among them
	past      []router.Stats    // guarded by mu; the books of the last minute, one a sampling
	gaps      gaps              // guarded by mu
	alone     bool              // guarded by mu; that nobody subscribes has been said
}

// measured is one process and its latest measurement.
type measured struct {
	sampler *procstat.Sampler
	at      time.Time
	usage   control.Usage

	// what the share of the processor was last taken from
	since time.Time
	used  time.Duration
}

func newMonitor(b *router.Broker, m *manager.Manager, log *slog.Logger) (*monitor, error) {
	self, err := procstat.New(os.Getpid())
	if err != nil {
		return nil, err
	}
	own := map[int]*measured{os.Getpid(): {sampler: self}}
	return &monitor{
		broker: b, manager: m, log: log, statistics: make(chan time.Duration, 1), processes: own, gaps: gaps{},
	}, nil
}

// configure has the statistics logged as c says, from now on. One goroutine at a
// time.
func (m *monitor) configure(c *config.Broker) {
	interval := c.StatsInterval
	if !c.EnableStatistics {
		interval = 0
	}
	select {
	case <-m.statistics: // run has not taken the one before, and need not
	default:
	}
	m.statistics <- interval
}

// run samples and tells until ctx ends.
func (m *monitor) run(ctx context.Context) {
	sampling, telling := time.NewTicker(sampling), time.NewTicker(time.Hour)
	defer sampling.Stop()
	defer telling.Stop()
	telling.Stop()
	m.sample(time.Now(), 0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-sampling.C:
			m.sample(time.Now(), 0)
			if s, err := m.look(ctx); err == nil {
				m.remember(s)
				m.miss(s)
			}
		case interval := <-m.statistics:
			if telling.Stop(); interval > 0 {
				telling.Reset(interval)
			}
		case <-telling.C:
			if s, err := m.look(ctx); err == nil {
				m.tell(s)
			}
		}
	}
}

// look returns the broker's books. A collector that was registered before and has
// no connection now will not get one any more: the manager is told. It must not be
// called by what the manager calls.
func (m *monitor) look(ctx context.Context) (router.Stats, error) {
	running := m.manager.Status()
	s, err := m.broker.Stats(ctx)
	if err != nil {
		return s, err
	}
	connected := make(map[int]bool, len(s.Clients))
	for _, c := range s.Clients {
		connected[c.PID] = true
	}
	for _, c := range running {
		// One that ends has lost its connection too; the manager hears how it ended.
		if c.State == control.CollectorRunning && !connected[c.PID] && !procstat.Ending(c.PID) {
			m.manager.Lose(c.PID, "it runs, but has lost its connection to the agent")
		}
	}
	return s, nil
}

// tell logs the main figures.
func (m *monitor) tell(s router.Stats) {
	c := m.collectors(s)
	h := health.Worst(m.parts(s, c, 0))
	m.mu.Lock()
	var own control.Usage
	if p := m.processes[os.Getpid()]; p != nil {
		own = p.usage
	}
	m.mu.Unlock()
	m.log.Info("statistics", "health", h.State, "reason", h.Reason,
		"published", s.Published, "delivered", s.Delivered, "dropped", s.Dropped, "queued", s.Queued,
		"publish_rate", s.PublishRate, "p99", s.Latency.P99,
		"clients", len(s.Clients), "subscriptions", len(s.Subscriptions),
		"cpu_percent", own.CPUPercent, "rss_bytes", own.RSS)
}

// miss warns once when nobody has subscribed to anything.
func (m *monitor) miss(s router.Stats) {
	m.mu.Lock()
	first := !m.alone && health.Alone(s)
	m.alone = m.alone || first
	m.mu.Unlock()
	if first {
		m.log.Warn("nobody subscribes", "uptime", s.Uptime.Round(time.Second))
	}
}

// parts judges the parts of the agent as they are when asker does not look: that
// must not change the verdict.
func (m *monitor) parts(s router.Stats, collectors []control.CollectorStatus, asker uint32) map[string]control.Health {
	s.Clients = slices.DeleteFunc(slices.Clone(s.Clients), func(c router.ClientStats) bool { return c.Source == asker })
	return map[string]control.Health{
		"broker":     health.Broker(s, m.minute()),
		"collectors": health.Collectors(collectors),
	}
}

// collectors returns their status, with what was lost of their events. s says
// which client is whose.
func (m *monitor) collectors(s router.Stats) []control.CollectorStatus {
	all := m.manager.Status()
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range all {
		for _, c := range s.Clients {
			if c.PID == all[i].PID && c.PID != 0 {
				all[i].Gap = m.gaps.text(c.Source, time.Now())
			}
		}
	}
	return all
}

// hear takes note of the gaps that collectors announce.
func (m *monitor) hear(msg *router.Message) {
	if msg.Gap != nil {
		return
	}
	v, err := event.Parse(msg.Payload)
	if err != nil {
		return
	}
	if g, ok := event.Copy[event.Loss](v); ok {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.gaps.add(msg.Frame.Source(), gap{time.Now(), g.Body.Lost, g.Body.Reason})
	}
}

// remember keeps the books of s.
func (m *monitor) remember(s router.Stats) {
	s.Clients, s.Subscriptions = nil, slices.Clone(s.Subscriptions)
	for i := range s.Subscriptions {
		s.Subscriptions[i].Patterns, s.Subscriptions[i].DroppedBy = nil, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.past = append(m.past, s)
	if over := len(m.past) - int(time.Minute/sampling); over > 0 {
		m.past = m.past[over:]
	}
}

// minute returns the books of the last minute, nil while that has not passed.
func (m *monitor) minute() *health.Minute {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.past)
	if n < int(time.Minute/sampling) {
		return nil
	}
	return &health.Minute{Began: m.past[0], Settled: m.past[n-2]} // the last one may be of just now
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
	share := p.usage.CPUPercent
	if d := now.Sub(p.since); p.since.IsZero() || d >= leastShare {
		if !p.since.IsZero() {
			share = 100 * float64(x.CPUTime-p.used) / float64(d)
		}
		p.since, p.used = now, x.CPUTime
	}
	p.usage = control.Usage{CPUPercent: share, RSS: uint64(x.ResidentBytes), Threads: x.Threads, OpenFiles: x.Descriptors}
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
