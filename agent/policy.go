package agent

import (
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/ipc/policy"
)

// clientPolicy admits two kinds of peers. A collector is a process that the manager
// has started: it publishes its own events and answers for itself. Any other
// process of the agent's user, or of root, is an operator: it may look at
// everything, publish events and alerts, serve requests below events, and ask
// anybody.
//
// Only the agent itself publishes below control, but for a collector's own
// health.
type clientPolicy struct{ m *manager.Manager }

// Admit implements policy.Policy.
func (p clientPolicy) Admit(peer *policy.Peer) (policy.Grant, error) {
	// The process that connected must be the one that has the pid now.
	if name, ok := p.m.Collector(peer.PID); ok && peer.Alive() == nil {
		return collectorGrant(name)
	}
	if _, err := (policy.SameUser{}).Admit(peer); err != nil {
		return policy.Grant{}, err
	}
	return operatorGrant(peer.Name)
}

// Refuse implements policy.EarlyPolicy: who is of another user takes no place.
func (clientPolicy) Refuse(peer *policy.Peer) error { return policy.SameUser{}.Refuse(peer) }

func collectorGrant(name string) (policy.Grant, error) {
	return policy.Rights{
		Publish:   []string{"events." + name + ".#", "control.health.heartbeat." + name, "control.health.status." + name},
		Subscribe: []string{"control.#"},
		Request:   []string{control.RegistrationTarget},
		Respond:   []string{control.CollectorTarget(name)},
	}.Grant(name, "collector")
}

func operatorGrant(name string) (policy.Grant, error) {
	return policy.Rights{
		Publish:   []string{"events.#", "alerts.#"},
		Subscribe: []string{"#"},
		Request:   []string{"#"},
		Respond:   []string{"events.#"},
	}.Grant(name, "operator")
}
