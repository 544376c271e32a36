package broker

import (
	"fmt"
	"slices"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/topic"
)

// Sub is one subscription of a session, or its inbox, whose ID is 0.
type Sub struct {
	ID    uint64
	Queue queue.Queue

	session    *Session
	spec       bus.Subscription
	patterns   topic.Patterns
	filter     *filter.Filter
	charge     charge.Charge
	weighed    [queue.LaneCount]weighed
	serial     uint64 // its place among all, by age
	granted    int    // capacity of the bulk lane, without what the past has beside it
	at         int    // its place in routes.subs
	found      uint64 // the last search of routes that found it
	since      uint64 // the broker's sequence when it began
	noted      int64  // when its drops were last advised
	compressed bool   // the queue may hold what its client cannot read as it is
	isReady    bool
	ending     bool  // its overflow policy is about to stop it
	stopped    bool  // nothing is routed to it any more
	why        error // of stopped; written before Queue is closed
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
	p.markWritable()
}

// Subscribe adds a subscription under an id of the client's choice, which must
// not be 0 or in use, and returns the broker's sequence at that point.
func (p *Session) Subscribe(id uint64, spec bus.Subscription) (*Sub, uint64, error) {
	b := p.b
	b.endBurst()
	p.work += LongWork
	if p.closed {
		return nil, 0, bus.ErrClosed
	}
	if id == 0 || p.subs[id] != nil {
		return nil, 0, fmt.Errorf("%w: id %d is 0 or in use", bus.ErrSubscription, id)
	}
	if len(p.subs) >= b.opts.MaxSubscriptions {
		return nil, 0, &bus.LimitError{Limit: "max_subscriptions", Max: int64(b.opts.MaxSubscriptions), Got: int64(len(p.subs) + 1)}
	}
	patterns, f, err := compile(&spec)
	if err != nil {
		return nil, 0, err
	}
	overflow := spec.Policy()
	if err := b.opts.checkOverflow(overflow); err != nil {
		return nil, 0, err
	}
	weight := len(patterns) + filter.Entries(&spec)
	if p.filterEntries+weight > maxSessionEntries {
		return nil, 0, &bus.LimitError{Limit: "max_patterns_and_filter_entries", Max: maxSessionEntries, Got: int64(p.filterEntries + weight)}
	}
	size := filter.Bytes(&spec)
	if p.filterBytes+size > maxSessionBytes {
		return nil, 0, &bus.LimitError{Limit: "max_pattern_and_filter_bytes", Max: maxSessionBytes, Got: int64(p.filterBytes + size)}
	}
	op := bus.OpSubscribe
	if spec.Respond {
		op = bus.OpRespond
		for _, pat := range patterns {
			if topic.IsReserved(pat.String()) {
				return nil, 0, bus.ErrReserved
			}
		}
	}
	if p.authorize != nil {
		for _, pat := range patterns {
			if err := p.authorize(op, pat.String()); err != nil {
				return nil, 0, err
			}
		}
	}
	held := p.account.Empty(charge.Subscriptions)
	if err := p.hold(&held, subscriptionBytes(&spec, patterns)); err != nil {
		return nil, 0, err
	}
	s := &Sub{ID: id, session: p, spec: spec, patterns: patterns, filter: f, since: b.seq, noted: b.now - int64(Tick)}
	capacity := b.opts.MaxQueued
	if spec.Queue > 0 && spec.Queue < capacity {
		capacity = spec.Queue
	}
	if spec.Respond {
		overflow = bus.DropNewest // a request that does not fit is refused, not lost
	}
	past := b.past(s)
	p.work += past.Visited*(1+s.filterWork()) + len(past.Messages)*pastWork
	var room [queue.LaneCount]int // beside the capacity
	for i := range past.Messages {
		room[past.Messages[i].Lane]++
	}
	s.charge, s.granted = held, capacity
	s.Queue.Reset(overflow, capacity+room[bus.Bulk], b.opts.UrgentQueued+room[bus.Urgent], p.local)
	s.Queue.ChargeTo(p.account)
	if p.features&frame.FeatureCredit != 0 {
		s.Queue.AwaitReports(frame.CreditWindow(capacity))
	}
	p.subs[id] = s
	p.filterEntries += weight
	p.filterBytes += size
	b.index.add(s)
	b.deliverPast(s, past)
	return s, b.seq, nil
}

// Err returns why the broker ended the subscription, or nil if its client did. It is valid
// when Queue is closed.
func (s *Sub) Err() error { return s.why }

// Finalize adds the counts of a subscription that has ended to the broker's, if its
// consumer has taken, or given up, all that was queued. Otherwise a later tick does that.
func (s *Sub) Finalize() { s.session.b.finalizeLast(s) }

// Granted returns the capacity of the subscription's bulk lane that the broker granted,
// in messages.
func (s *Sub) Granted() int { return s.granted }

// Credit takes a client's report of what its program has taken. An error is a fault of
// the client.
func (p *Session) Credit(c frame.Credit) error {
	s := p.subs[c.Subscription]
	if s == nil || !s.Queue.Reported() {
		return nil
	}
	if err := s.Queue.Report(c); err != nil {
		return err
	}
	if s.Queue.Pending() {
		s.markReady()
	}
	return nil
}

// Unsubscribe ends a subscription and drops what is queued for it; it reports
// whether there was one. Who waits for an answer of a responder that ends so
// learns that it died.
func (p *Session) Unsubscribe(id uint64) bool {
	s := p.subs[id]
	if s == nil {
		return false
	}
	p.b.endBurst()
	p.work += LongWork
	p.remove(s, nil)
	p.b.responderGone(s)
	return true
}

// Stop has nothing more routed to a subscription; it reports whether there was one.
// What is queued can still be taken, and requests be answered, until Unsubscribe.
func (p *Session) Stop(id uint64) bool {
	s := p.subs[id]
	if s == nil {
		return false
	}
	p.b.endBurst()
	p.stop(s, nil)
	return true
}

// Finish has nothing more routed to the session's subscriptions. What is queued can
// still be taken, and requests be answered, until Close.
func (p *Session) Finish() {
	p.b.endBurst()
	for _, s := range p.subs {
		p.stop(s, nil)
	}
}

// stop has nothing more routed to s, because of why.
func (p *Session) stop(s *Sub, why error) {
	if s.stopped {
		return
	}
	s.stopped, s.why = true, why
	p.b.index.remove(s)
	p.b.draining = append(p.b.draining, s)
	s.Queue.LiftWindow()
	s.Queue.Close()
}

// remove stops s and drops what is queued, where that is the routing thread's to
// take; the consumer of a local subscription does it by itself.
func (p *Session) remove(s *Sub, why error) {
	p.stop(s, why)
	delete(p.subs, s.ID)
	p.filterEntries -= len(s.patterns) + filter.Entries(&s.spec)
	p.filterBytes -= filter.Bytes(&s.spec)
	p.dropReady(s)
	if s.spec.Group != "" {
		p.b.handOver(s)
	}
	if !p.local {
		s.Queue.EndReports(s.why == nil)
		s.Queue.Discard()
		p.b.finalizeLast(s)
	}
}

func (p *Session) dropReady(s *Sub) {
	if i := slices.Index(p.queued, s); i >= 0 {
		p.queued = slices.Delete(p.queued, i, i+1)
	}
	s.isReady = false
}

// Sub returns the subscription with that id, or nil.
func (p *Session) Sub(id uint64) *Sub { return p.subs[id] }
