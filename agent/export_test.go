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
	u, _ := a.monitor.usage.Of(pid)
	return u
}

// Replayed is replayed.
var Replayed = replayed

// BothOptions are those of an agent's broker and of its server.
type BothOptions struct {
	Broker router.Options
	Server ipc.Options
}

// OptionsOf returns what c makes of them.
func OptionsOf(c *config.Config) BothOptions { return BothOptions{brokerOptions(c), serverOptions(c)} }
