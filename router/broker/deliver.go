package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/routes"
)

// deliver queues items for s, a reference for each. The items of one call lie in one
// buffer. Where little room is left afterwards, the session is written out before anything
// more is routed. It returns how many of items the queue took; what it dropped for them does
// not count.
func (b *Broker) deliver(s *Sub, ln bus.Lane, items []queue.Item) (queued int) {
	if len(items) == 0 {
		return 0
	}
	if short := s.Queue.Admit(ln, items); short > 0 && !s.admit(ln, items, short) {
		return 0
	}
	items[0].Buf.Retain(len(items))
	dropped := s.Queue.Push(ln, items, &b.scratch)
	s.markReady()
	if b.order.Tracking() {
		b.order.Pushed(&s.lanes[ln], items)
	}
	if s.Queue.Room(ln) < routes.Step(s.Queue.Capacity(ln)) {
		s.session.writeFirst()
	}
	queued = len(items)
	if dropped > 0 {
		s.noteDrop(dropped)
		if p := s.spec.Policy(); p == bus.DropNewest || p == bus.Disconnect {
			queued -= dropped
		}
	}
	return queued
}

// admit makes room for the slots of items, which need short bytes more than there are. If it
// cannot, the items are dropped. An inbox takes them all the same, because it has few slots,
// and a client waits for the answer.
func (s *Sub) admit(ln bus.Lane, items []queue.Item, short int64) bool {
	b := s.session.b
	for b.makeRoom(short) {
		if short = s.Queue.Admit(ln, items); short == 0 {
			return true
		}
	}
	if s.ID == 0 {
		s.Queue.ForceAdmit(ln, items)
		return true
	}
	size := uint64(0)
	for i := range items {
		size += uint64(items[i].Len)
	}
	s.Queue.RecordLoss(ln, uint64(len(items)), size, frame.ReasonMemory)
	s.markReady()
	b.stats.CountDropped(uint64(len(items)))
	s.settling.NoteDropped()
	if s.spec.Respond {
		b.noteEvicted(items)
	}
	return false
}

// noteDrop counts drops. If the overflow policy is disconnect, it has a local subscription
// stopped, or another client's session disconnected. Otherwise it has the drops advised.
func (s *Sub) noteDrop(n int) {
	if s.ID == 0 || s.spec.Policy() == bus.Conflate {
		return // an inbox is no subscription, and a client that conflates wants only the newest
	}
	b := s.session.b
	b.stats.CountDropped(uint64(n))
	s.settling.NoteDropped()
	switch {
	case s.spec.Policy() != bus.Disconnect:
		b.slow.note(s, b.now)
	case !s.session.local:
		s.session.disconnect(frame.CodeSlow, "queue of subscription "+s.Name()+" is full, and its overflow policy is disconnect")
	case !s.overflowed: // in process only the subscription ends
		s.overflowed = true
		b.overflowed = append(b.overflowed, s)
	}
}
