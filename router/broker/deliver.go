package broker

import (
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// deliver queues items for s, a reference for each. Items of one call share a
// buffer or come in runs that do. Where little room is left afterwards, the session
// is pressed: it is written out before anything more is routed. It returns how many of
// items the queue took; what it dropped for them does not count.
func (b *Broker) deliver(s *Sub, ln bus.Lane, items []queue.Item) (queued int) {
	if len(items) == 0 {
		return 0
	}
	if short := s.Queue.Admit(ln, items); short > 0 && !b.admit(s, ln, items, short) {
		return 0
	}
	for i := 0; i < len(items); {
		j := i + 1
		for j < len(items) && items[j].Buf == items[i].Buf {
			j++
		}
		items[i].Buf.Retain(j - i)
		i = j
	}
	dropped := s.Queue.Push(ln, items, &b.scratch)
	s.markReady()
	if b.weights.tracking {
		b.weighPushed(s, ln, items)
	}
	if s.Queue.Room(ln) < step(s.Queue.Capacity(ln)) {
		s.session.press()
	}
	queued = len(items)
	if dropped > 0 {
		b.noteDrop(s, dropped)
		if p := s.spec.Policy(); p == bus.DropNewest || p == bus.Disconnect {
			queued -= dropped
		}
	}
	return queued
}

// admit makes room for the short bytes that the slots for items lack. Where that is not
// to be had the items are lost, and count as any that were dropped. An inbox takes them
// all the same: its slots are few, and a client waits for the answer.
func (b *Broker) admit(s *Sub, ln bus.Lane, items []queue.Item, short int64) bool {
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
	s.Queue.Skip(ln, uint64(len(items)), size, frame.ReasonMemory)
	s.markReady()
	b.stats.dropped(uint64(len(items)))
	if s.spec.Respond {
		b.noteRequests(items)
		b.refuseEvicted()
	}
	return false
}

// noteDrop counts drops, and ends the session when that is the policy. Otherwise the
// subscription is listed as slow.
func (b *Broker) noteDrop(s *Sub, n int) {
	if s.ID == 0 || s.spec.Policy() == bus.Conflate {
		return // an inbox is no subscription; the other loses by its own wish
	}
	b.stats.dropped(uint64(n))
	if s.spec.Policy() == bus.Disconnect {
		if s.session.local { // in process only the subscription ends
			if !s.ending {
				s.ending = true
				b.Post(func() { s.session.stop(s, fmt.Errorf("queue of subscription %s is full: %w", s.Name(), frame.ErrSlow)) })
			}
			return
		}
		s.session.disconnect(frame.CodeSlow, "queue of subscription "+s.Name()+" is full, and its overflow policy is disconnect")
		return
	}
	b.noteSlow(s)
}
