package broker

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/queue"
)

// Name returns what the subscriber calls itself, or else its client's name.
func (s *Sub) Name() string { return cmp.Or(s.spec.SubscriberID, s.session.who.Name) }

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
	now := bus.Now()
	c := &b.stats
	c.advance(now)
	b.finalizeDrained()
	seconds := min(60, max(1, float64(now-c.startedAt)/float64(time.Second)))
	s := bus.Stats{
		Broker: b.opts.Name, Uptime: time.Duration(now - c.startedAt),
		Published: c.total.messages, PublishedByte: c.total.bytes,
		PublishRate: float64(c.minute.sum.messages) / seconds, DropRate: float64(c.minute.sum.dropped) / seconds,
		Latency: b.latency.summary(), Refused: map[string]uint64{}, DroppedBy: map[string]uint64{},
		Requests: c.requests, NoResponder: c.noResponder, LateReplies: c.lateReplies, OpenRequests: len(b.pending),
		Retained: b.retained.Len(), RetainedDropped: c.retainedDropped, HandedOver: c.handedOver, InflatedBytes: c.inflated, BufferBytes: b.pool.Live(), MaxBufferBytes: b.opts.MaxMemory,
		Charged: b.charged(), Topics: len(b.index.routes),
	}
	if c.lastError != nil {
		s.LastErr, s.LastError = c.lastError, c.lastError.Error()
		s.LastErrorAge = time.Duration(now - c.lastErrorAt)
	}
	for code, n := range c.refusals {
		s.Refused[code.String()] = n
	}
	add := func(n *queue.Counts) {
		s.Matched += n.Matched
		s.Delivered += n.Delivered
		s.Dropped += n.Dropped
		s.Queued += n.Matched - n.Delivered - n.Dropped
		addReasons(s.DroppedBy, n)
	}
	add(&c.ended)
	for _, sub := range b.draining {
		n := sub.Queue.Count()
		add(&n)
	}
	for _, p := range b.sessions {
		s.Clients = append(s.Clients, bus.ClientStats{
			Source: p.id, Identity: p.who, Published: p.stats.published, PublishedBytes: p.stats.bytes, Refused: p.stats.refused, Paused: p.stats.paused,
		})
	}
	slices.SortFunc(s.Clients, func(x, y bus.ClientStats) int { return cmp.Compare(x.Source, y.Source) })
	for _, sub := range b.index.subs {
		n := sub.Queue.Count()
		add(&n)
		ss := sub.stats(&n)
		addReasons(ss.DroppedBy, &n)
		s.Subscriptions = append(s.Subscriptions, ss)
	}
	slices.SortFunc(s.Subscriptions, func(x, y bus.SubStats) int {
		return cmp.Or(cmp.Compare(x.Source, y.Source), cmp.Compare(x.ID, y.ID))
	})
	return s
}

// stats returns the subscription's counters, without the reasons of its drops.
func (s *Sub) stats(n *queue.Counts) bus.SubStats {
	stats := bus.SubStats{
		Source: s.session.id, ID: s.ID, Name: s.Name(), Patterns: s.spec.Patterns, Overflow: s.spec.Policy(),
		Capacity: s.Queue.Capacity(bus.Bulk), Matched: n.Matched, Delivered: n.Delivered, Dropped: n.Dropped,
		Queued: n.Queued + n.Taken, QueuedBytes: n.QueuedBytes, DeliveredBytes: n.DeliveredBytes, DroppedBytes: n.DroppedBytes,
		DroppedBy: map[string]uint64{},
	}
	if s.session.local || s.Queue.Reported() {
		inFlight := s.Queue.InFlight(bus.Bulk) + s.Queue.InFlight(bus.Urgent)
		lost := n.ByReason[frame.ReasonClient]
		stats.InFlight, stats.ClientLost = &inFlight, &lost
	}
	return stats
}

func addReasons(into map[string]uint64, n *queue.Counts) {
	for r, v := range n.ByReason {
		if v > 0 {
			into[bus.Reason(r).String()] += v
		}
	}
}

// Charged returns how many bytes the broker keeps for its clients, as of about a Tick
// ago. It is the sum of Stats.Charged, and costs nothing.
func (b *Broker) Charged() int64 { return b.kept.Load() }

// charged returns what the broker keeps, by kind.
func (b *Broker) charged() map[string]int64 {
	m := map[string]int64{"buffers": b.pool.Live()}
	for k := range charge.KindCount {
		m[k.String()] = b.ledger.Used(k)
	}
	return m
}
