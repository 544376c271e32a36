// Package agent is the whole agent as the measurements see it, beside the broker alone
// (package bus).
package agent

import (
	"context"
	"log/slog"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/bench/bus"
	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// System is the agent with its policy and what it keeps for late subscribers, but without
// collectors, which publish as this measurement does.
func System() e2e.System {
	s := bus.System()
	s.Name, s.Colour, s.Broker = "agent", report.Sky, run
	return s
}

func run(ctx context.Context, c e2e.Config, ready func()) error {
	o := config.Default()
	o.InstanceID, o.Broker.SocketPath = "bench", c.Socket()
	o.Broker.MaxConnections, o.Broker.LatencyBudget = bus.MaxConnections, c.Budget
	a, err := agent.New(agent.Options{
		Config: o, Logger: slog.New(slog.DiscardHandler), Listening: func(string) { ready() },
	})
	if err != nil {
		return err
	}
	return a.Run(ctx)
}
