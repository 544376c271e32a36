package agent

import (
	"context"
	"log/slog"
	"time"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// BrokerOptions returns the options in force of a's broker.
func BrokerOptions(a *Agent) router.Options { return a.broker.Options() }

// WarnIdle checks each of the statistics, and logs to log.
func WarnIdle(log *slog.Logger, all ...router.Stats) {
	m := newMonitor(nil, nil, log)
	for _, s := range all {
		m.warnIdle(s)
	}
}

// Judge judges the broker, without a history.
func Judge(now router.Stats, asker uint32) control.Health {
	return newMonitor(nil, nil, nil).judge(now, nil, asker)["broker"]
}

// Life is an agent's, without an agent.
type Life struct {
	l         *lifecycle
	Published []control.Orchestration
}

// OpenTimeout is that of each Life.
const OpenTimeout = time.Hour

// NewLife begins one.
func NewLife() *Life {
	l := new(Life)
	l.l = newLifecycle(OpenTimeout, func(x control.Orchestration) { l.Published = append(l.Published, x) })
	return l
}

// Move is move. Whether it may be is the same as that the error is nil.
func (l *Life) Move(to control.AgentState) error { return l.l.move(to, "") }

// State is the state now.
func (l *Life) State() control.AgentState { return l.l.state().State }

// Collectors is collectors.
func (l *Life) Collectors(all []control.CollectorStatus, registered bool) bool {
	return l.l.collectors(all, registered)
}

// Progress is progress.
type Progress struct{ p *progress }

// NewProgress is newProgress.
func NewProgress(watchdog time.Duration, alive func() error) Progress {
	return Progress{newProgress(watchdog, alive, func(error) {})}
}

// Watch is watch.
func (p Progress) Watch(name string, probe func(context.Context) error) { p.p.watch(name, probe) }

// Run is run.
func (p Progress) Run(ctx context.Context) { p.p.run(ctx) }

// Health is that of a part.
func (p Progress) Health(name string) control.Health { return p.p.component(name).Check(nil) }

// AddToHistory has a's monitor keep the statistics, as it does every checkInterval.
func AddToHistory(a *Agent) error {
	s, err := a.broker.Stats(context.Background())
	a.monitor.history.Add(&s)
	return err
}

// SetAhead has a's gaps and verdicts be of a later time.
func SetAhead(a *Agent, d time.Duration) { a.monitor.ahead.Store(int64(d)) }

// Check has a's monitor do what it does every health.Interval.
func Check(ctx context.Context, a *Agent) { a.monitor.check(ctx) }

// UsageAt measures a process at a moment.
func UsageAt(a *Agent, pid int, now time.Time) control.Usage {
	a.monitor.measure(now, 0)
	u, _ := a.monitor.usage.of(pid)
	return u
}

// Lost is the text about a collector after the announcements.
func Lost(now time.Time, collector string, announced ...Announcement) string {
	var g recentLosses
	for _, x := range announced {
		g.add(x.Collector, newGap(x.At, x.Lost, x.Reason))
	}
	return g.text(collector, now)
}

// Announcement is one of a loss.
type Announcement struct {
	Collector string
	At        time.Time
	Lost      uint64
	Reason    string
}

// Replayed is replayed.
var Replayed = replayed

// Rights of the two kinds of peers, for their table.
var (
	CollectorGrant = collectorGrant
	ProcessTopics  = processTopics
	OperatorGrant  = operatorGrant
)

// BothOptions are those of an agent's broker and of its server.
type BothOptions struct {
	Broker router.Options
	Server ipc.Options
}

// OptionsOf returns what c makes of them.
func OptionsOf(c *config.Config) BothOptions { return BothOptions{brokerOptions(c), serverOptions(c)} }
