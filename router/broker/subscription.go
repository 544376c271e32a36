package broker

import (
	"cmp"
	"slices"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/routes"
	"github.com/daemoneye/eventbus/router/settle"
	"github.com/daemoneye/eventbus/router/weights"
)

// Sub is one subscription of a session, or its inbox, whose ID is 0.
type Sub struct {
	ID    uint64
	Queue queue.Queue

	session    *Session
	spec       bus.Subscription
	entry      routes.Entry[*Sub] // its patterns and filter
	charge     charge.Charge
	lanes      [queue.LaneCount]weights.Lane[*Sub]
	granted    int                  // capacity of the bulk lane, without what the past has beside it
	since      uint64               // the broker's sequence when it began
	noted      int64                // when its drops were last advised
	compressed bool                 // the queue may hold what its client cannot read as it is
	settling   *settle.Subscription // nil: no publisher has followed it yet
	isReady    bool
	overflowed bool  // its overflow policy is about to stop it
	stopped    bool  // nothing is routed to it any more
	why        error // of stopped; written before Queue is closed
}

// addLanes makes the queue's lanes known to the order in which lanes are evicted from.
func (s *Sub) addLanes() {
	for ln := range s.lanes {
		s.session.b.order.Add(&s.lanes[ln], s, &s.Queue, bus.Lane(ln), s.ID == 0)
	}
}

// Name returns what the subscriber calls itself, or else its client's name.
func (s *Sub) Name() string { return cmp.Or(s.spec.SubscriberID, s.session.who.Name) }

// Granted returns the capacity of the subscription's bulk lane that the broker granted,
// in messages.
func (s *Sub) Granted() int { return s.granted }

// Err returns why the broker ended the subscription, or nil if its client did. It is valid
// when Queue is closed.
func (s *Sub) Err() error { return s.why }

// RecordDelivery times the messages of items, which were delivered to s at now. Safe for
// concurrent use.
func (s *Sub) RecordDelivery(items []queue.Item, now int64) {
	s.session.b.stats.Latency.RecordMessages(items, s.since, now)
}

// markReady puts s on its session's list, and the session on the broker's.
func (s *Sub) markReady() {
	p := s.session
	if !s.isReady {
		s.isReady = true
		if s.ID == 0 {
			p.queued = slices.Insert(p.queued, 0, s) // what is addressed goes first
		} else {
			p.queued = append(p.queued, s)
		}
	}
	p.RequestWrite()
}

// matches evaluates the filter for a message that was routed earlier. Where its client has
// ended, the name of its source is not known, and a filter on that does not match.
func (s *Sub) matches(f frame.Frame, topic string) bool {
	if s.entry.Filter == nil {
		return true
	}
	name := ""
	if p := s.session.b.sessions[f.Source()]; p != nil {
		name = p.who.Name
	}
	m := &s.session.b.parsed
	m.Parse(f, s.entry.Filter.Needs)
	return s.entry.Filter.Match(m, topic, name)
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

// release gives back the charges of s, when nothing is queued for it any more.
func (s *Sub) release() {
	for i := range s.lanes {
		s.session.b.order.Forget(&s.lanes[i])
	}
	s.Queue.Release()
	s.charge.Release()
}

// finalizeDrained adds the counts of the stopped subscriptions whose consumer has taken, or
// given up, all that was queued.
func (b *Broker) finalizeDrained() {
	b.draining = slices.DeleteFunc(b.draining, (*Sub).finalized)
}

// Finalize is finalizeDrained for s, if it was stopped last: a client that comes and goes
// must not have to wait for it. Routing thread only.
func (s *Sub) Finalize() {
	b := s.session.b
	if last := len(b.draining) - 1; last >= 0 && b.draining[last] == s && s.finalized() {
		b.draining[last] = nil
		b.draining = b.draining[:last]
	}
}

// finalized adds the final counts of s to the broker's, if its queue is empty and nothing
// of it is on its way.
func (s *Sub) finalized() bool {
	n := s.Queue.Count()
	if n.Matched != n.Delivered+n.Dropped {
		return false
	}
	s.session.b.stats.CountEnded(&n, s.why != nil)
	s.release()
	return true
}
