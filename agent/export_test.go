package agent

import (
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/router"
)

// BrokerOptions returns the options in force of a's broker.
func BrokerOptions(a *Agent) router.Options { return a.broker.Options() }

// Books are the monitor's, without an agent.
type Books struct{ m monitor }

// Remember is remember.
func (b *Books) Remember(s router.Stats) { b.m.remember(s) }

// MinuteAgo is minuteAgo.
func (b *Books) MinuteAgo() *router.Stats { return b.m.minuteAgo() }

// Judge is judge, without a minute ago.
func Judge(now router.Stats, asker uint32) control.Health { return judge(now, nil, asker) }

// Rights of the two kinds of peers, for their table.
var (
	CollectorGrant = collectorGrant
	OperatorGrant  = operatorGrant
)
