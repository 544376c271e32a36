package broker

import (
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
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
		b.weigh(s, ln)
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

// deliverInflated is deliver for a run that may hold compressed messages: a
// client that cannot undo the compression gets a copy that is not compressed.
func (b *Broker) deliverInflated(s *Sub, ln bus.Lane, items []queue.Item) (queued int) {
	for i := 0; i < len(items); {
		j := i
		for j < len(items) && items[j].Frame().Flags()&frame.FlagCompressed&^s.session.inflates == 0 {
			j++
		}
		if j > i {
			queued += b.deliver(s, ln, items[i:j])
		}
		if j < len(items) {
			queued += b.deliverCopy(s, ln, items[j].Frame())
			j++
		}
		i = j
	}
	return queued
}

// deliverCopy delivers an inflated copy of f. A payload that cannot be inflated
// counts as a drop: the subscriber sees a gap, and the statistics say why.
func (b *Broker) deliverCopy(s *Sub, ln bus.Lane, f frame.Frame) (queued int) {
	out, err := b.inflate(f)
	if err == nil {
		queued = b.deliver(s, ln, []queue.Item{{Buf: out, Len: uint32(len(out.B))}})
		out.Release(1)
		return queued
	}
	b.stats.refuse(err)
	b.stats.dropped(1)
	s.Queue.Skip(ln, 1, uint64(len(f)), frame.ReasonInflate)
	s.markReady()
	return 0
}

// inflate returns a copy of f that is not compressed, in a buffer of its own that the
// caller releases. The buffer has the size that the payload says it inflates to, so
// that all of it is the pool's, and counts as memory in use.
func (b *Broker) inflate(f frame.Frame) (*buffer.Buffer, error) {
	n, err := frame.InflatedLen(f, b.opts.MaxMessageSize)
	if err != nil {
		return nil, err
	}
	out := b.pool.Get(n)
	if out.B, err = frame.AppendInflated(out.B, f, b.opts.MaxMessageSize); err != nil {
		out.Release(1)
		return nil, err
	}
	return out, nil
}

// noteDrop counts drops, ends the session when that is the policy, and advises at
// most once a second who is slow.
func (b *Broker) noteDrop(s *Sub, n int) {
	if s.ID == 0 || s.spec.Policy() == bus.Conflate {
		return // an inbox is no subscription; the other loses by its own wish
	}
	b.stats.dropped(uint64(n))
	if s.spec.Policy() == bus.Disconnect {
		if s.session.local { // in process only the subscription ends
			if !s.ending {
				s.ending = true
				b.post(func() { s.session.stop(s, fmt.Errorf("queue of subscription %s is full: %w", s.Name(), frame.ErrSlow)) })
			}
			return
		}
		s.session.disconnect(frame.CodeSlow, "queue of subscription "+s.Name()+" is full, and its overflow policy is disconnect")
		return
	}
	if b.now-s.noted >= int64(Tick) {
		s.noted = b.now
		b.advise(s)
	}
}
