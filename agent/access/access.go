// Package access decides who may do what on the agent's bus.
package access

import (
	"errors"
	"fmt"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router"
)

// Policy admits three kinds of peers. A collector is a process that the manager
// has started: it publishes its own events and serves its own target. An external collector
// is a process of a user that the configuration names, and of a program where it names one:
// it claims the role and the name in its hello, and may do what a collector may. Any other
// process of the agent's user, or of root, is an operator: it may subscribe to
// everything, publish events and alerts, serve requests below events, and send
// requests to the agent, the broker and what operators serve. What it wants of a
// collector it requests of the agent, which carries it out or asks the collector.
//
// Only the agent publishes below control, except that a collector publishes its own
// health there. The agent's own collectors may also subscribe to what the process collector
// publishes of the processes, so that theirs name who did something and has ended since.
//
// When all connections are taken, each collector still has a connection: each of the agent's
// own, and each external one that the configuration names, of which there are 64 at most. An
// operator gets one for a moment, to request the agent's status and its control targets.
type Policy struct{ m *manager.Manager }

// New makes the policy of an agent whose collectors m manages.
func New(m *manager.Manager) Policy { return Policy{m} }

var _ policy.Reserver = Policy{}

// Admit implements policy.Policy.
func (p Policy) Admit(peer *policy.Peer) (policy.Grant, error) {
	if name := p.collector(peer); name != "" {
		return collectorGrant(name, processTopics...)
	}
	if peer.Role == control.CollectorRole {
		return p.admitExternal(peer)
	}
	if _, err := (policy.SameUser{}).Admit(peer); err != nil {
		return policy.Grant{}, err
	}
	return operatorGrant(peer.Name)
}

// Refuse implements policy.EarlyPolicy: a peer of another user takes no connection, unless
// an external collector may be of that user.
func (p Policy) Refuse(peer *policy.Peer) error {
	if p.m.ExternalUser(peer.UID) {
		return nil
	}
	return policy.SameUser{}.Refuse(peer)
}

// admitExternal admits an external collector.
func (p Policy) admitExternal(peer *policy.Peer) (policy.Grant, error) {
	x, ok := p.m.External(peer.Name)
	if !ok {
		return policy.Grant{}, fmt.Errorf("%w: the configuration names no external collector %.40q", router.ErrDenied, peer.Name)
	}
	if x.UID != peer.UID {
		return policy.Grant{}, fmt.Errorf("%w: collector %s is of uid %d, not of uid %d", router.ErrDenied, peer.Name, x.UID, peer.UID)
	}
	if x.Executable != "" {
		exe, err := peer.Executable()
		if err != nil {
			return policy.Grant{}, fmt.Errorf("%w: program of collector %s: %v", router.ErrDenied, peer.Name, err)
		}
		if exe != x.Executable {
			return policy.Grant{}, fmt.Errorf("%w: collector %s is %s, not %s", router.ErrDenied, peer.Name, x.Executable, exe)
		}
	}
	return collectorGrant(peer.Name)
}

// processTopics are the events of others that each of the agent's own collectors may have:
// who the processes are.
var processTopics = []string{"events.process.lifecycle", "events.process.batch"}

// collector returns the name of the collector that the peer is, or "". The process that
// connected must be the one that has the pid now.
func (p Policy) collector(peer *policy.Peer) string {
	if name, ok := p.m.Collector(peer.PID); ok && peer.Alive() == nil {
		return name
	}
	return ""
}

// Reserved implements policy.Reserver: each collector has a place. As long as an external one is
// registered, the place is its process's: others that may be it too do not push it out.
func (p Policy) Reserved(peer *policy.Peer) string {
	if name := p.collector(peer); name != "" || peer.Role != control.CollectorRole {
		return name
	}
	if p.m.Holds(peer.Name, peer.PID) { // Admit has found that peer may be that collector
		return peer.Name
	}
	return ""
}

// Visit implements policy.Reserver. Only a client that claims to be an operator visits:
// another one would lose its subscriptions, where it can as well come back later.
func (Policy) Visit(peer *policy.Peer) (policy.Grant, error) {
	if peer.Role != control.Operator {
		return policy.Grant{}, errors.New("only a visit of an operator is possible")
	}
	return policy.Rights{Request: []string{"control.agent.#", router.StatsTarget}}.Grant(peer.Name, control.Operator)
}

func collectorGrant(name string, events ...string) (policy.Grant, error) {
	return policy.Rights{
		Publish:   []string{"events." + name + ".#", "control.health.heartbeat." + name, "control.health.status." + name},
		Subscribe: append([]string{"control.#"}, events...),
		Request:   []string{control.RegistrationTarget},
		Respond:   []string{control.CollectorTarget(name), control.TaskTarget("+")},
	}.Grant(name, control.CollectorRole)
}

func operatorGrant(name string) (policy.Grant, error) {
	return policy.Rights{
		Publish:   []string{"events.#", "alerts.#"},
		Subscribe: []string{"#"},
		Request:   []string{"events.#", "alerts.#", "control.agent.#", control.RegistrationTarget, "system.#"},
		Respond:   []string{"events.#"},
	}.Grant(name, control.Operator)
}
