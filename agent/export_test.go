package agent

import (
	"context"
	"log/slog"
	"time"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/health"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// BrokerOptions returns the options in force of a's broker.
func BrokerOptions(a *Agent) router.Options { return a.broker.Options() }

// Books are the monitor's, without an agent.
type Books struct{ m monitor }

// Remember is remember.
func (b *Books) Remember(s router.Stats) { b.m.remember(s) }

// Minute is minute.
func (b *Books) Minute() *health.Minute { return b.m.minute() }

// Miss is miss, which tells log.
func (b *Books) Miss(log *slog.Logger, s router.Stats) {
	b.m.log = log
	b.m.miss(s)
}

// Judge judges the broker, without a minute ago.
func Judge(now router.Stats, asker uint32) control.Health {
	return new(monitor).parts(now, nil, asker)["broker"]
}

// RememberNow has a's monitor sample the books, as it does all five seconds.
func RememberNow(a *Agent) error {
	s, err := a.broker.Stats(context.Background())
	a.monitor.remember(s)
	return err
}

// Usage is what a's monitor knows of a process when it looks at now.
func Usage(a *Agent, pid int, now time.Time) control.Usage {
	a.monitor.sample(now, 0)
	a.monitor.mu.Lock()
	defer a.monitor.mu.Unlock()
	return a.monitor.processes[pid].usage
}

// Lost is what a source is said to have lost after the announcements.
func Lost(now time.Time, source uint32, announced ...Announcement) string {
	g := gaps{}
	for _, x := range announced {
		g.add(x.Source, gap{x.At, x.Lost, x.Reason})
	}
	return g.text(source, now)
}

// Announcement is one of a loss.
type Announcement struct {
	Source uint32
	At     time.Time
	Lost   uint64
	Reason string
}

// Replayed is replayed.
var Replayed = replayed

// Rights of the two kinds of peers, for their table.
var (
	CollectorGrant = collectorGrant
	OperatorGrant  = operatorGrant
)

// BothOptions are those of an agent's broker and of its server.
type BothOptions struct {
	Broker router.Options
	Server ipc.Options
}

// OptionsOf returns what c makes of them.
func OptionsOf(c *config.Config) BothOptions { return BothOptions{brokerOptions(c), serverOptions(c)} }
