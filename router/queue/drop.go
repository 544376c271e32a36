package queue

import "github.com/daemoneye/eventbus/router/bus"

// Evict removes up to n of the lane's oldest messages and returns them. They count as
// dropped, and the caller must release their references. The slice shares scratch's
// memory, so it is valid until scratch is used again. A lane that has no messages, and no
// consumer on another goroutine, gives back the memory of its slots. Producer only.
func (q *Queue) Evict(ln bus.Lane, n int, why bus.Reason, scratch *[]Item) (out []Item) {
	l := &q.lanes[ln]
	if l.len() == 0 {
		q.trim(l)
		return nil
	}
	before := l.reasons.Or(1 << why) // before the consumer can see the hole
	out = l.evict(n, why, (*scratch)[:0])
	if len(out) == 0 { // the consumer took them first
		l.reasons.And(^uint32(1<<why) | before)
	} else {
		*scratch = out
		q.Notify()
	}
	return out
}

func (l *lane) evict(n int, why bus.Reason, out []Item) []Item {
	if l.conflated != nil {
		out = l.conflated.evict(l, n, why, out)
		l.publishLaneLoss()
		l.charge.Resize(l.slots(0))
		return out
	}
	if out = l.ring.Evict(n, out); len(out) > 0 {
		l.countDropped(out, why)
		l.lostUpTo.store(l.seq, l.pos)
	}
	return out
}

// Skip announces a loss behind the last message of the lane: count messages of size
// bytes together. A count of 0 is a loss of unknown size. If there are several of those
// that the consumer has not announced yet, it announces only the last. Producer only.
func (q *Queue) Skip(ln bus.Lane, count, size uint64, why bus.Reason) {
	l := &q.lanes[ln]
	if count == 0 {
		l.unknown.store(l.seq, uint64(why))
		q.Notify()
		return
	}
	l.reasons.Or(1 << why)
	l.seq += count
	l.pos += size
	l.dropped[why] += count
	l.droppedBytes += size
	if l.conflates {
		l.addLaneLoss(count, size)
		l.publishLaneLoss()
	} else {
		l.lostUpTo.store(l.seq, l.pos)
	}
	q.Notify()
}

// TakeBack removes the messages that wait in a lane, so that they can be routed to
// another subscription, and appends them to dst with their references. The caller must
// count each with CountHandedOver or Lost. Messages that the consumer has claimed stay
// with it, unless consumerToo says that the caller is also the consumer. A conflating
// lane gives nothing back. Producer only.
func (q *Queue) TakeBack(ln bus.Lane, dst []Item, consumerToo bool) []Item {
	l := &q.lanes[ln]
	if l.ring == nil {
		return dst
	}
	if consumerToo {
		dst = append(dst, l.remaining...)
		l.remaining = nil
	}
	dst = l.ring.Evict(l.ring.Len(), dst)
	return dst
}

// CountHandedOver counts n messages, of size bytes together, that were routed to another
// subscription. They no longer count as matched here. Producer only.
func (q *Queue) CountHandedOver(ln bus.Lane, n int, size uint64) {
	q.lanes[ln].handedOver += uint64(n)
	q.lanes[ln].handedOverBytes += size
}

// drop counts and releases messages that the policy evicted or refused, and returns how
// many there were. It does not clear items, because the router pushes the same slice to
// the next queue.
func (l *lane) drop(items []Item, why bus.Reason) int {
	l.countDropped(items, why)
	releaseRefs(items)
	return len(items)
}

// countDropped counts items as dropped.
func (l *lane) countDropped(items []Item, why bus.Reason) {
	l.reasons.Or(1 << why)
	for i := range items {
		l.droppedBytes += uint64(items[i].Len)
	}
	l.dropped[why] += uint64(len(items))
}

// Discard dequeues all messages, counts them as lost with their connection, and releases
// them. Consumer only; the producer should have stopped.
func (q *Queue) Discard() {
	for {
		t, ok := q.Dequeue(ClaimSize)
		if !ok {
			return
		}
		q.LoseTaken(t.Lane, t.Items)
	}
}

// LoseTaken counts dequeued messages as lost with their connection and releases them.
func (q *Queue) LoseTaken(ln bus.Lane, items []Item) {
	size := uint64(0)
	for i := range items {
		size += uint64(items[i].Len)
	}
	q.Lost(ln, len(items), size)
	ReleaseItems(items)
}
