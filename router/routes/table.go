package routes

import (
	"iter"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/store"
	"github.com/daemoneye/eventbus/router/topic"
)

// Table caches a route for each topic. A lookup is then one map access, and while a client
// stays on one topic not even that. A route is computed again when subscriptions have
// changed.
//
// The memory of the routes and of all Topics is bounded. When they are full, all of them are
// dropped. So if a client publishes on ever new topics, the only cost for others is that
// their topics are looked up again.
type Table[S any] struct {
	index      index[S]
	routes     map[string]*Route[S]
	topics     []*Topics[S]
	urgent     topic.Patterns
	store      *store.Store
	ledger     *charge.Ledger
	charge     charge.Charge
	generation uint64 // counts changes; a route of an older generation is stale
	current    uint64 // the generation at which Shrink last found all up to date
	ended      bool   // a session has ended since then
}

// cacheDivisor is the part of the ledger's maximum that the caches may use.
const cacheDivisor = 16

// NewTable returns an empty table. Messages on urgent topics take the urgent lane. The
// caches are charged to the account.
func NewTable[S any](urgent topic.Patterns, s *store.Store, l *charge.Ledger, own *charge.Account) *Table[S] {
	return &Table[S]{
		routes: make(map[string]*Route[S]), urgent: urgent, store: s,
		ledger: l, charge: own.Empty(charge.Routes), generation: 1, current: 1,
	}
}

// Add adds a subscription.
func (t *Table[S]) Add(e *Entry[S]) {
	t.generation++
	t.index.add(e)
}

// Remove removes a subscription.
func (t *Table[S]) Remove(e *Entry[S]) {
	t.generation++
	t.index.remove(e)
}

// All returns the subscriptions, in no order.
func (t *Table[S]) All() iter.Seq[S] {
	return func(yield func(S) bool) {
		for _, e := range t.index.entries {
			if !yield(e.Subscription) {
				return
			}
		}
	}
}

// Generation changes with each subscription that comes or goes.
func (t *Table[S]) Generation() uint64 { return t.generation }

// Len returns how many topics have a route.
func (t *Table[S]) Len() int { return len(t.routes) }

// Route returns a topic's route, made up to date. The topic must be valid.
func (t *Table[S]) Route(name string) *Route[S] {
	r := t.routes[name]
	if r == nil {
		r = &Route[S]{Topic: name, System: topic.IsReserved(name), Replays: t.store.Replays(name)}
		if r.System || t.urgent.Match(name) {
			r.Lane = bus.Urgent
		}
		t.refresh(r)
		t.routes[name] = r
	}
	if r.generation != t.generation {
		t.refresh(r)
	}
	return r
}

// refresh computes what a route's topic reaches.
func (t *Table[S]) refresh(r *Route[S]) {
	r.reset(t.generation)
	found, patterns := t.index.match(r.Topic)
	r.reach = 1 + patterns
	t.chargeRoute(r, routeBytes+int64(len(r.Topic))+2*memberBytes*int64(len(found)))
	for _, e := range found {
		r.add(e)
	}
	t.index.forget()
	r.limitStep()
	t.chargeRoute(r, r.size())
}

func (t *Table[S]) chargeRoute(r *Route[S], n int64) {
	if more := n - r.bytes; more > 0 {
		if t.chargeCache(&t.charge, more) {
			t.charge.Force(n) // all else was dropped
		}
	} else {
		t.charge.Force(t.charge.Bytes() + more)
	}
	r.bytes = n
}

// chargeCache adds more bytes to the charge of a cache. If that is beyond the bound, it
// drops all caches first, and reports that. If memory is full, queues give way to the
// caches, which are small beside them; the caches go when no queue has anything left.
func (t *Table[S]) chargeCache(c *charge.Charge, more int64) (dropped bool) {
	if more > t.ledger.Max()/cacheDivisor-t.ledger.Used(charge.Routes) {
		t.Drop()
		dropped = true
	}
	c.Force(c.Bytes() + more)
	return dropped
}

// Drop drops all cached topics. It makes new maps, because a map keeps the memory of the
// most entries that it ever had.
func (t *Table[S]) Drop() {
	if len(t.routes) > 0 {
		t.routes = make(map[string]*Route[S])
	}
	t.charge.Release()
	t.current, t.ended = t.generation, false
	t.index.shrink()
	for _, c := range t.topics {
		c.drop()
	}
}

// Shrink drops the caches if entries may no longer be of use. When subscriptions have
// changed, entries are stale. When a session has ended, its topics may never be used again.
// Topics that are in use are looked up again.
func (t *Table[S]) Shrink() {
	if t.current != t.generation || t.ended {
		t.Drop()
	}
}
