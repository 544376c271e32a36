package agent

import (
	"context"
	"fmt"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/progress"
)

// What the service manager that started the agent gets to know: that the start is
// decided, each change of the health, a reload, the end, and that parts move.

// notify logs that the service manager does not take a message. The agent goes on.
func (a *Agent) notify(err error) {
	if err != nil {
		a.o.Logger.Debug("service manager not notified", "err", err)
	}
}

// watchProgress makes what watches the parts that everything depends on.
func (a *Agent) watchProgress() {
	a.progress = progress.New(a.o.Service.Watchdog(), a.o.Service.Alive, a.notify)
	a.progress.Watch("broker", func(ctx context.Context) error {
		_, err := a.broker.Stats(ctx) // the routing thread takes it
		return err
	})
	a.progress.Watch("manager", a.manager.Move)
	a.monitor.parts.Register(a.progress.Component("manager"))
}

// healthText is a line for people.
func healthText(state control.AgentState, h control.Health) string {
	text := string(state) + ", " + h.State.String()
	if h.Reason != "" {
		text += ": " + h.Reason
	}
	return text
}

// isReady reports whether the service manager counts the start as complete.
func (a *Agent) isReady() bool {
	select {
	case <-a.decided:
		return true
	default:
		return false
	}
}

// reloadText is the outcome of a reload in a line.
func reloadText(r *control.Reloaded, err error) string {
	switch {
	case err != nil:
		return "configuration not reloaded: " + err.Error()
	case len(r.Mistakes) > 0:
		return "configuration rejected: " + r.Mistakes[0]
	case len(r.Refused) > 0:
		return "configuration refused: " + r.Refused[0]
	}
	return fmt.Sprintf("configuration reloaded, %d changes", len(r.Changes))
}
