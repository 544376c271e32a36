package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/store"
)

// Tick runs what the loop runs about once a second. Routing thread only.
func (b *Broker) Tick() { (&loop{b: b}).tick() }

// Draining returns how many subscriptions have ended and are still kept. Routing thread
// only.
func (b *Broker) Draining() int { return len(b.draining) }

// MaxExpired is how many records of expired messages a replay keeps at least.
const MaxExpired = store.MaxExpired

// Filter returns the filter of a subscription.
func Filter(s bus.Subscription) (match func(f frame.Frame, topic, source string) bool, err error) {
	_, f, err := filter.Compile(&s)
	if err != nil {
		return nil, err
	}
	var m filter.Message
	return func(fr frame.Frame, topic, source string) bool {
		if f == nil {
			return true
		}
		m.Parse(fr, f.Needs)
		return f.MatchesTopic(topic) && f.Match(&m, topic, source)
	}, nil
}

// Visited returns how many times a queue was weighed to find the largest. Routing thread
// only.
func (b *Broker) Visited() uint64 { return b.order.Visited() }

// Room returns how many bytes are left under MaxMemory. Routing thread only.
func (b *Broker) Room() int64 { return b.ledger.Room() }

// Tracking reports whether queues are kept in the order of their weight. Routing thread
// only.
func (b *Broker) Tracking() bool { return b.order.Tracking() }

// ChargedFor returns what is charged for one kind. Routing thread only.
func (b *Broker) ChargedFor(kind string) int64 { return b.ledger.ByKind()[kind] }

// Dropped returns how many messages the present subscriptions have lost. Routing thread only.
func (b *Broker) Dropped() (n uint64) {
	for s := range b.routes.All() {
		n += s.Queue.Count().Dropped
	}
	return n
}

// Published returns how many messages were routed. Routing thread only.
func (b *Broker) Published() uint64 { return b.stats.Total().Messages }

// Inflated returns how many bytes were inflated. Routing thread only.
func (b *Broker) Inflated() int { return int(b.stats.Inflated) }

// Turn ends one turn and begins the next. Routing thread only.
func (b *Broker) Turn() { b.flush(); b.turns++ }

// Matched returns how many messages matched the present subscriptions. Routing thread only.
func (b *Broker) Matched() (n uint64) {
	for s := range b.routes.All() {
		n += s.Queue.Count().Matched
	}
	return n
}
