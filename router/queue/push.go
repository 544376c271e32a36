package queue

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// Push queues items, whose Buf, Off and Len are set. Each item hands over one reference.
// Push returns how many messages the policy dropped, of these or of older ones. scratch
// is memory for evicted messages. Call Admit before, which charges the memory that the
// queue takes for the items. Producer only.
func (q *Queue) Push(ln bus.Lane, items []Item, scratch *[]Item) (dropped int) {
	l := &q.lanes[ln]
	first, end := 0, len(items)
	if q.window > 0 && ln == bus.Bulk {
		dropped, first, end = q.makeRoomInWindow(ln, len(items), scratch)
	}
	if l.ring == nil && l.conflated == nil {
		q.open(l)
	}
	l.countBuffers(items)
	seq, pos := l.seq, l.pos
	for i := range items {
		it := &items[i]
		it.seq, it.pos = seq, pos
		seq++
		pos += uint64(it.Len)
		l.largestMessage = max(l.largestMessage, it.Len)
	}
	l.seq, l.pos = seq, pos
	if end < len(items) {
		dropped += l.drop(items[end:], frame.ReasonDropNewest)
		l.lostUpTo.store(seq, pos)
	}
	if first > 0 {
		dropped += l.drop(items[:first], frame.ReasonDropOldest)
	}
	items = items[first:end]
	switch q.overflow {
	case bus.Conflate:
		for i := range items {
			dropped += l.conflated.push(l, &items[i])
		}
		l.publishLaneLoss()
		if excess := q.outstanding(ln) - l.capacity; q.window > 0 && ln == bus.Bulk && excess > 0 {
			dropped += q.dropOldest(ln, excess, scratch)
		}
	case bus.DropNewest, bus.Disconnect:
		if n := l.ring.OfferBatch(items); n < len(items) {
			dropped += l.drop(items[n:], frame.ReasonDropNewest)
			l.lostUpTo.store(seq, pos)
		}
	default:
		if out := l.ring.PushBatch(items, (*scratch)[:0]); len(out) > 0 {
			if q.onDrop != nil {
				q.onDrop(ln, out)
			}
			dropped += l.drop(out, q.dropReason)
			clear(out)
			*scratch = out
		}
	}
	return dropped
}

// Room returns how many messages can be pushed before the overflow policy acts.
func (q *Queue) Room(ln bus.Lane) int {
	l := &q.lanes[ln]
	if q.window > 0 && ln == bus.Bulk {
		return max(0, l.capacity-q.outstanding(ln))
	}
	return l.capacity - l.len()
}

func reasonOfPolicy(o bus.Overflow) bus.Reason {
	switch o {
	case bus.DropNewest, bus.Disconnect:
		return frame.ReasonDropNewest
	case bus.Conflate:
		return frame.ReasonConflated
	}
	return frame.ReasonDropOldest
}
