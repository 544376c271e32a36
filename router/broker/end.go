package broker

import (
	"fmt"
	"slices"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/routes"
)

// Unsubscribe ends a subscription and drops what is queued for it; it reports
// whether there was one. A requester that waits for an answer of a responder that ends so
// gets responder-died.
func (p *Session) Unsubscribe(id uint64) bool {
	s := p.subs[id]
	if s == nil {
		return false
	}
	p.b.endBurst()
	p.work.Add(LongWork)
	p.remove(s, nil)
	s.endRequests()
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
	s.stop(nil)
	return true
}

// Finish has nothing more routed to the session's subscriptions. What is queued can
// still be taken, and requests be answered, until Close.
func (p *Session) Finish() {
	p.b.endBurst()
	for _, s := range p.subs {
		s.stop(nil)
	}
}

// stop has nothing more routed to s, because of why.
func (s *Sub) stop(why error) {
	if s.stopped {
		return
	}
	b := s.session.b
	s.stopped, s.why = true, why
	b.routes.Remove(&s.entry)
	b.draining = append(b.draining, s)
	s.Queue.LiftWindow()
	s.Queue.Close()
}

// stopOverflowed stops the subscriptions whose overflow policy is that.
func (b *Broker) stopOverflowed() {
	for i, s := range b.overflowed {
		b.overflowed[i] = nil
		s.stop(fmt.Errorf("queue of subscription %s is full: %w", s.Name(), frame.ErrSlow))
		s.settling.End()
	}
	b.overflowed = b.overflowed[:0]
}

// remove stops s and drops what is queued. The consumer of a local subscription drops that
// by itself.
func (p *Session) remove(s *Sub, why error) {
	s.stop(why)
	delete(p.subs, s.ID)
	p.filterEntries -= len(s.entry.Patterns) + filter.Entries(&s.spec)
	p.filterBytes -= filter.Bytes(&s.spec)
	p.dropReady(s)
	if s.spec.Group != "" {
		s.handOver()
	}
	s.settling.End()
	if !p.local {
		s.Queue.EndReports(s.why == nil)
		s.Queue.Discard()
		s.Finalize()
	}
}

// handOver routes the messages that wait for s, a member that leaves its queue group, to
// other members. It may do so because a group promises that each message goes to one member,
// but promises no order. Messages that match no other member are lost with s.
func (s *Sub) handOver() {
	b := s.session.b
	for _, ln := range [...]bus.Lane{bus.Urgent, bus.Bulk} {
		items := s.Queue.TakeBack(ln, nil, !s.session.local)
		for i := range items {
			it := &items[i]
			if t := s.otherMember(it.Frame()); t == nil {
				s.Queue.Lost(ln, 1, uint64(it.Len))
			} else {
				s.Queue.CountHandedOver(ln, 1, uint64(it.Len))
				b.stats.HandedOver++
				t.redeliver(ln, it.Frame())
			}
		}
		queue.ReleaseItems(items)
	}
}

// otherMember returns the member of s's group to which f is routed now, or nil. The routes no
// longer have s.
func (s *Sub) otherMember(f frame.Frame) *Sub {
	rt := s.session.b.routes.Route(string(f.Topic()))
	g := rt.Group(s.spec.Group)
	if g == nil {
		return nil
	}
	e := g.Pick(rt.Lane, func(e *routes.Entry[*Sub]) bool { return e.Subscription.matches(f, rt.Topic) })
	if e == nil {
		return nil
	}
	return e.Subscription
}

// redeliver queues a copy of f, with FlagRedelivered. It is a copy because other
// subscribers share f.
func (s *Sub) redeliver(ln bus.Lane, f frame.Frame) {
	b := s.session.b
	buf := b.pool.Get(len(f))
	buf.B = append(buf.B, f...)
	frame.Frame(buf.B).SetFlags(f.Flags() | frame.FlagRedelivered)
	b.deliverInflated(s, ln, []queue.Item{{Buf: buf, Len: uint32(len(f))}})
	buf.Release(1)
}

// Close removes the session: its subscriptions end, its open requests are cancelled, and
// the requesters that wait for its replies get responder-died.
func (p *Session) Close() {
	if p.closed {
		return
	}
	b := p.b
	b.endBurst()
	p.closed = true
	for number := range p.settlers {
		p.EndPublisher(number)
	}
	for _, s := range p.subs {
		p.remove(s, bus.ErrClosed)
	}
	p.endRequests()
	p.inbox.Queue.Close()
	if !p.keepInbox {
		p.inbox.Queue.Discard()
	}
	p.queued = nil
	p.inbox.release()
	p.topics.Close()
	p.account.session.Release()
	delete(b.sessions, p.id)
	b.finalizeDrained()
	if p.input != nil {
		b.inputs.all = slices.DeleteFunc(b.inputs.all, func(x Input) bool { return x == p.input })
	}
}
