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
// everything, publish events and alerts, serve requests below events, and ask
// anybody.
//
// Only the agent itself publishes below control, but for a collector's own
// health.
type policy struct{ m *manager.Manager }

// Admit implements ipc.Policy.
func (p policy) Admit(peer *ipc.Peer) (ipc.Grant, error) {
	// The process that connected must be the one that has the pid now.
	if name, ok := p.m.Collector(peer.PID); ok && peer.Alive() == nil {
		return collectorGrant(name)
	}
	if _, err := (ipc.SameUser{}).Admit(peer); err != nil {
		return ipc.Grant{}, err
	}
	return operatorGrant(peer.Name)
}

// Refuse implements ipc.EarlyPolicy: who is of another user takes no place.
func (policy) Refuse(peer *ipc.Peer) error { return ipc.SameUser{}.Refuse(peer) }

func collectorGrant(name string) (ipc.Grant, error) {
	return grant(name, "collector", rights{
		router.OpPublish:   {"events." + name + ".#", "control.health.heartbeat." + name, "control.health.status." + name},
		router.OpSubscribe: {"control.#"},
		router.OpRequest:   {control.RegistrationTarget},
		router.OpRespond:   {control.CollectorTarget(name)},
	})
}

func operatorGrant(name string) (ipc.Grant, error) {
	return grant(name, "operator", rights{
		router.OpPublish:   {"events.#", "alerts.#"},
		router.OpSubscribe: {"#"},
		router.OpRequest:   {"#"},
		router.OpRespond:   {"events.#"},
	})
}

// rights are the patterns that are granted for each operation.
type rights [router.OpRespond + 1][]string

func grant(name, role string, r rights) (ipc.Grant, error) {
	var granted [len(r)]router.Patterns
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
