package agent

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/health"
	"github.com/daemoneye/eventbus/agent/losses"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/agent/procstat"
	"github.com/daemoneye/eventbus/agent/usage"
	"github.com/daemoneye/eventbus/router"
)

// monitor does what the agent does at intervals: it measures the processes, keeps
// the broker's statistics of the last minute, restarts collectors that have lost
// their connection, and writes statistics and a warning to the log.
//
// What it collects may be read by any goroutine; run is for one.
type monitor struct {
	broker  *router.Broker
	manager *manager.Manager
	log     *slog.Logger
	ahead   atomic.Int64 // of the clock, in nanoseconds; only tests set it

	usage   usage.Meter
	history health.History
	losses  losses.Recent
	parts   health.Components

	onHealth func(control.Health) // where set, is called by run when the health has changed

	logIntervals chan time.Duration // a new interval of log lines, 0 for none; holds the newest only

	// owned by run
	warnedIdle bool           // the warning of noSubscribers has been logged
	health     control.Health // as it was at the last check
}

func newMonitor(b *router.Broker, m *manager.Manager, log *slog.Logger) *monitor {
	mon := &monitor{broker: b, manager: m, log: log, logIntervals: make(chan time.Duration, 1)}
	mon.parts.Register(health.Component{Name: "broker", Check: func(f *health.Facts) control.Health { return health.Broker(f.Broker, f.Minute) }})
	return mon
}

// configure sets how often statistics are logged. One goroutine at a time.
func (m *monitor) configure(c *config.Broker) {
	interval := c.StatsInterval
	if !c.EnableStatistics {
		interval = 0
	}
	select {
	case <-m.logIntervals: // run has not taken the one before, and need not
	default:
	}
	m.logIntervals <- interval
}

// run checks and logs until ctx ends.
func (m *monitor) run(ctx context.Context) {
	checks, logs := time.NewTicker(health.Interval), time.NewTicker(time.Hour)
	defer checks.Stop()
	defer logs.Stop()
	logs.Stop()
	m.measure(time.Now(), 0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-checks.C:
			m.check(ctx)
		case interval := <-m.logIntervals:
			if logs.Stop(); interval > 0 {
				logs.Reset(interval)
			}
		case <-logs.C:
			if s, err := m.broker.Stats(ctx); err == nil {
				m.logStatistics(s)
			}
		}
	}
}

// check is what has to be done every health.Interval.
func (m *monitor) check(ctx context.Context) {
	m.measure(time.Now(), 0)
	m.manager.Measured(m.usage.Of)
	s, err := m.broker.Stats(ctx)
	if err != nil {
		return // the broker is ending
	}
	m.findLost(&s)
	m.history.Add(&s)
	m.follow(health.Worst(m.judge(s, m.collectors(), 0)))
	m.warnIdle(s)
}

// follow logs a change of the health, and passes it on.
func (m *monitor) follow(h control.Health) {
	before := m.health
	m.health = h
	if h.State != before.State {
		m.log.Info("health", "state", h.State, "reason", h.Reason)
	}
	if m.onHealth != nil && (h.State != before.State || h.Reason != before.Reason) {
		m.onHealth(h)
	}
}

// lostConnection is why a collector is ended that is still alive: it will not connect again,
// because a collector connects once.
const lostConnection = "it runs, but has lost its connection to the agent"

// findLost has the manager deal with collectors whose connection is not in s.
func (m *monitor) findLost(s *router.Stats) {
	connected := make(map[uint32]bool, len(s.Clients))
	for _, c := range s.Clients {
		connected[c.Source] = true
	}
	// One that is ending has lost its connection too. The manager will see how it ended.
	m.manager.Gone(func(source uint32) bool { return connected[source] }, procstat.Ending, lostConnection)
}

// now is the time for gaps and verdicts.
func (m *monitor) now() time.Time { return time.Now().Add(time.Duration(m.ahead.Load())) }

// measure measures the agent and the collectors that run, but for those that were
// measured less than maxAge ago.
func (m *monitor) measure(now time.Time, maxAge time.Duration) {
	pids := []int{os.Getpid()}
	for _, c := range m.manager.Status() {
		if c.PID != 0 {
			pids = append(pids, c.PID)
		}
	}
	m.usage.Measure(pids, now, maxAge)
}

// warnIdle warns once when nobody has subscribed to anything.
func (m *monitor) warnIdle(s router.Stats) {
	if m.warnedIdle || !health.NoSubscribers(s) {
		return
	}
	m.warnedIdle = true
	m.log.Warn("nobody subscribes", "uptime", s.Uptime.Round(time.Second))
}

// logStatistics logs the main figures.
func (m *monitor) logStatistics(s router.Stats) {
	h := health.Worst(m.judge(s, m.collectors(), 0))
	own, _ := m.usage.Of(os.Getpid())
	p50, p99 := any(s.Latency.P50), any(s.Latency.P99)
	if s.Latency.Samples == 0 {
		p50, p99 = unknown, unknown
	}
	m.log.Info("statistics", "health", h.State, "reason", h.Reason,
		"published", s.Published, "delivered", s.Delivered, "dropped", s.Dropped, "queued", s.Queued,
		"publish_rate", s.PublishRate, "p50", p50, "p99", p99,
		"clients", len(s.Clients), "subscriptions", len(s.Subscriptions), "buffer_bytes", s.BufferBytes,
		"cpu_percent", figure(own.CPUPercent), "rss_bytes", figure(own.RSS))
}

// unknown stands in the log for a figure that could not be measured.
const unknown = "unknown"

// figure returns the number that p points to, or unknown.
func figure[T any](p *T) any {
	if p == nil {
		return unknown
	}
	return *p
}

// judge returns the health of each part of the agent. The client asker, which is
// asking for it, does not count: the answer must not depend on the question.
func (m *monitor) judge(s router.Stats, collectors []control.CollectorStatus, asker uint32) map[string]control.Health {
	f := &health.Facts{Now: m.now(), Broker: without(s, asker), Minute: m.history.LastMinute()}
	return m.parts.Judge(f, health.Collectors(collectors)...)
}

// without returns s without one client.
func without(s router.Stats, source uint32) router.Stats {
	s.Clients = slices.DeleteFunc(slices.Clone(s.Clients), func(c router.ClientStats) bool { return c.Source == source })
	return s
}

// collectors returns the status of the collectors, with what was lost of their events.
func (m *monitor) collectors() []control.CollectorStatus {
	all := m.manager.Status()
	for i := range all {
		all[i].Gap = m.losses.Text(all[i].Name, m.now())
	}
	return all
}
