package agent

import (
	"fmt"
	"slices"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// policy admits two kinds of peers. A collector is a process that the manager
// has started: it publishes its own events and answers for itself. Any other
// process of the agent's user, or of root, is an operator: it may look at
// everything, publish events and alerts, and ask.
//
// Only the agent itself publishes below control, but for a collector's own
// health.
type policy struct{ m *manager.Manager }

// Admit implements ipc.Policy.
func (p policy) Admit(peer *ipc.Peer) (ipc.Grant, error) {
	if name, ok := p.m.Collector(peer.PID); ok {
		return grant(name, "collector", rights{
			router.OpPublish:   {"events." + name + ".#", "control.health.heartbeat." + name, "control.health.status." + name},
			router.OpSubscribe: {"control.#"},
			router.OpRequest:   {control.RegistrationTarget},
			router.OpRespond:   {control.CollectorTarget(name)},
		})
	}
	if _, err := (ipc.SameUser{}).Admit(peer); err != nil {
		return ipc.Grant{}, err
	}
	return grant(peer.Name, "operator", rights{
		router.OpPublish:   {"events.#", "alerts.#"},
		router.OpSubscribe: {"#"},
		router.OpRequest:   {"control.#", router.StatsTarget},
		router.OpRespond:   {"events.#"},
	})
}

// rights are the patterns that are granted for each operation.
type rights [router.OpRespond + 1][]string

func grant(name, role string, r rights) (ipc.Grant, error) {
	var granted [router.OpRespond + 1]router.Patterns
	for op, texts := range r {
		ps, err := router.ParsePatterns(texts...)
		if err != nil {
			return ipc.Grant{}, err
		}
		granted[op] = ps
	}
	return ipc.Grant{Name: name, Role: role, Authorize: func(op router.Op, topic string) error {
		if slices.ContainsFunc(granted[op], func(p router.Pattern) bool { return p.Covers(topic) }) {
			return nil
		}
		return fmt.Errorf("%w: %s %q may not %s %q", router.ErrDenied, role, name, op, topic)
	}}, nil
}
