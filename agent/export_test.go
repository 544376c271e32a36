package agent

import (
	"github.com/daemoneye/eventbus/router"
)

// BrokerOptions returns the options in force of a's broker.
func BrokerOptions(a *Agent) router.Options { return a.broker.Options() }

// Rights of the two kinds of peers, for their table.
var (
	CollectorGrant = collectorGrant
	OperatorGrant  = operatorGrant
)
