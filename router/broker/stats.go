package broker

import (
	"cmp"
	"context"
	"sort"

	"github.com/daemoneye/eventbus/router/bus"
)

// Stats takes a snapshot. It waits for the routing thread's next turn.
func (b *Broker) Stats(ctx context.Context) (bus.Stats, error) {
	var s bus.Stats
	if err := b.calls.Do(ctx, nil, func() { s = b.snapshot() }); err != nil {
		return bus.Stats{}, err // s may be being written
	}
	return s, nil
}

// Identity returns the identity of the client whose messages and requests have this
// source, false where it has gone. It waits for the routing thread's next turn.
func (b *Broker) Identity(ctx context.Context, source uint32) (who bus.Identity, ok bool, err error) {
	var found struct {
		who bus.Identity
		ok  bool
	}
	if err := b.calls.Do(ctx, nil, func() {
		if p := b.sessions[source]; p != nil {
			found.who, found.ok = p.who, true
		}
	}); err != nil {
		return bus.Identity{}, false, err // found may be being written
	}
	return found.who, found.ok, nil
}

func (b *Broker) snapshot() bus.Stats {
	b.finalizeDrained()
	s := b.stats.Snapshot(bus.Now())
	s.Broker, s.OpenRequests, s.Retained = b.opts.Name, b.requests.Len(), b.store.Values()
	s.BufferBytes, s.MaxBufferBytes, s.Charged = b.pool.Live(), b.opts.MaxMemory, b.ledger.ByKind()
	s.Topics = b.routes.Len()
	for _, p := range b.sessions {
		c := &p.stats
		s.Clients = append(s.Clients, bus.ClientStats{
			Source: p.id, Identity: p.who, Published: c.published, PublishedBytes: c.bytes, Refused: c.refused, Paused: c.paused,
		})
	}
	sort.Slice(s.Clients, func(i, j int) bool { return s.Clients[i].Source < s.Clients[j].Source })
	for _, sub := range b.draining {
		n := sub.Queue.Count()
		s.Add(&n)
	}
	for sub := range b.routes.All() {
		n := sub.Queue.Count()
		s.AddSubscription(sub.stats(&n), &n)
	}
	sort.Slice(s.Subscriptions, func(i, j int) bool {
		x, y := &s.Subscriptions[i], &s.Subscriptions[j]
		return cmp.Or(cmp.Compare(x.Source, y.Source), cmp.Compare(x.ID, y.ID)) < 0
	})
	return s.Stats
}
