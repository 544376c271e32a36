package router

import (
	"fmt"
	"slices"
)

// Sub is one subscription of a port, or its inbox, whose ID is 0.
type Sub struct {
	ID    uint64
	Queue Queue

	port     *Port
	spec     Subscription
	patterns Patterns
	filter   *filter
	serial   uint64 // its place among all, by age
	found    uint64 // owned by finder
	isReady  bool
	since    uint64 // the broker's sequence when it began
	noted    int64  // when its drops were last advised
	ending   bool   // its overflow policy is about to stop it
	stopped  bool   // nothing is routed to it any more
	why      error  // of stopped; written before Queue is closed
}

// Done says that the sink emptied s's queue and dropped it from Ready.
func (s *Sub) Done() { s.isReady = false }

// markReady puts s on its port's list, and the port on the broker's.
func (s *Sub) markReady() {
	p := s.port
	if !s.isReady {
		s.isReady = true
		if s.ID == 0 {
			p.ready = slices.Insert(p.ready, 0, s) // what is addressed goes first
		} else {
			p.ready = append(p.ready, s)
		}
	}
	p.markReady()
}

// Subscribe adds a subscription under an id of the client's choice, which must
// not be 0 or in use, and returns the broker's sequence at that point.
func (p *Port) Subscribe(id uint64, spec Subscription) (*Sub, uint64, error) {
	b := p.b
	b.endRun()
	if p.closed {
		return nil, 0, ErrClosed
	}
	if id == 0 || p.subs[id] != nil {
		return nil, 0, fmt.Errorf("%w: id %d is 0 or in use", ErrSubscription, id)
	}
	if len(p.subs) >= b.opts.MaxSubscriptions {
		return nil, 0, &LimitError{"max_subscriptions", int64(b.opts.MaxSubscriptions), int64(len(p.subs) + 1)}
	}
	patterns, f, err := spec.compile()
	if err != nil {
		return nil, 0, err
	}
	overflow := spec.overflow()
	if err := b.opts.checkOverflow(overflow); err != nil {
		return nil, 0, err
	}
	weight := len(patterns) + spec.filterEntries()
	if p.weight+weight > maxPortWeight {
		return nil, 0, &LimitError{"max_patterns_and_filter_entries", maxPortWeight, int64(p.weight + weight)}
	}
	size := spec.size()
	if p.listed+size > maxPortListed {
		return nil, 0, &LimitError{"max_pattern_and_filter_bytes", maxPortListed, int64(p.listed + size)}
	}
	op := OpSubscribe
	if spec.Respond {
		op = OpRespond
		for _, pat := range patterns {
			if isSystem(pat.String()) {
				return nil, 0, ErrReserved
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
	s := &Sub{ID: id, port: p, spec: spec, patterns: patterns, filter: f, since: b.seq, noted: b.now - int64(Tick)}
	capacity := b.opts.MaxQueued
	if spec.Queue > 0 && spec.Queue < capacity {
		capacity = spec.Queue
	}
	if spec.Respond {
		overflow = DropNewest // a request that does not fit is refused, not lost
	}
	early := b.early(s)
	s.Queue.Reset(overflow, capacity+early.room[Bulk], b.opts.UrgentQueued+early.room[Urgent], p.local)
	if spec.Respond {
		s.Queue.evicted = b.requestEvicted
	}
	p.subs[id] = s
	p.weight += weight
	p.listed += size
	b.index.add(s)
	b.deliverEarly(s, &early)
	return s, b.seq, nil
}

// Unsubscribe ends a subscription and drops what is queued for it; it reports
// whether there was one. Who waits for an answer of a responder that ends so
// learns that it died.
func (p *Port) Unsubscribe(id uint64) bool {
	s := p.subs[id]
	if s == nil {
		return false
	}
	p.b.endRun()
	p.remove(s, nil)
	p.b.responderGone(s)
	return true
}

// Finish has nothing more routed to the port's subscriptions. What is queued can
// still be taken, and requests be answered, until Close.
func (p *Port) Finish() {
	p.b.endRun()
	for _, s := range p.subs {
		p.stop(s, nil)
	}
}

// stop has nothing more routed to s, because of why.
func (p *Port) stop(s *Sub, why error) {
	if s.stopped {
		return
	}
	s.stopped, s.why = true, why
	p.b.index.remove(s)
	p.b.leaving = append(p.b.leaving, s)
	s.Queue.Close()
}

// remove stops s and drops what is queued, where that is the routing thread's to
// take; the consumer of a local subscription does it by itself.
func (p *Port) remove(s *Sub, why error) {
	p.stop(s, why)
	delete(p.subs, s.ID)
	p.weight -= len(s.patterns) + s.spec.filterEntries()
	p.listed -= s.spec.size()
	p.dropReady(s)
	if !p.local {
		s.Queue.Discard()
		p.b.closeBookOf(s)
	}
}

func (p *Port) dropReady(s *Sub) {
	if i := slices.Index(p.ready, s); i >= 0 {
		p.ready = slices.Delete(p.ready, i, i+1)
	}
	s.isReady = false
}

// Sub returns the subscription with that id, or nil.
func (p *Port) Sub(id uint64) *Sub { return p.subs[id] }
