package queue

import "github.com/daemoneye/eventbus/router/bus"

// Evict takes out up to n of the lane's oldest messages and returns them: they count as
// dropped, and their references are the caller's to release. The slice is scratch's, and
// is valid until that is used again. A lane that is empty then, and has no consumer on
// another goroutine, gives back the memory of its slots. Producer only.
func (q *Queue) Evict(ln bus.Lane, n int, why bus.Reason, scratch *[]Item) (out []Item) {
	l := &q.lanes[ln]
	if l.len() > 0 {
		before := l.reasons.Or(1 << why) // before the hole can be seen
		out = l.evict(n, why, (*scratch)[:0])
		if len(out) == 0 { // the consumer was faster
			l.reasons.And(^uint32(1<<why) | before)
		} else {
			*scratch = out
			q.Notify()
		}
	}
	q.trim(l)
	return out
}

func (l *lane) evict(n int, why bus.Reason, out []Item) []Item {
	if l.conflated != nil {
		out = l.conflated.evict(l, n, why, out)
		l.publishOutside()
		l.charge.Resize(l.slots(0))
		return out
	}
	if out = l.ring.Evict(n, out); len(out) > 0 {
		l.book(out, why)
		l.tail.store(l.seq, l.pos)
	}
	return out
}

// Skip announces count lost messages of together size bytes at this place of
// the lane. A count of 0 is a loss of unknown size; of several that the consumer
// has not come to, the last is announced. Producer only.
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
		l.addOutside(count, size)
		l.publishOutside()
	} else {
		l.tail.store(l.seq, l.pos)
	}
	q.Notify()
}

// TakeBack removes what waits in a lane, for somebody else to have it, and appends it to
// dst with its references. The caller accounts for each message with CountHandedOver
// or Lost. What the consumer has taken stays with it, unless the caller is the
// consumer as well. A conflating lane gives nothing back. Producer only.
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

// CountHandedOver counts n messages of together size bytes that another subscription
// has now: they are not matched here any more. Producer only.
func (q *Queue) CountHandedOver(ln bus.Lane, n int, size uint64) {
	q.lanes[ln].handedOver += uint64(n)
	q.lanes[ln].handedOverBytes += size
}

// drop counts and releases what the policy took out or refused, and returns how
// many messages that were. What was refused is still the run's for the next
// queue, so items are not cleared here.
func (l *lane) drop(items []Item, why bus.Reason) int {
	l.book(items, why)
	releaseRefs(items)
	return len(items)
}

// book counts items as dropped.
func (l *lane) book(items []Item, why bus.Reason) {
	l.reasons.Or(1 << why)
	for i := range items {
		l.droppedBytes += uint64(items[i].Len)
	}
	l.dropped[why] += uint64(len(items))
}

// Discard takes everything that is queued, books it as lost with its consumer
// and releases it. Consumer only; the producer should have stopped.
func (q *Queue) Discard() {
	for {
		t, ok := q.Dequeue(ClaimSize)
		if !ok {
			return
		}
		q.LoseTaken(t.Lane, t.Items)
	}
}

// LoseTaken gives up messages that were taken.
func (q *Queue) LoseTaken(ln bus.Lane, items []Item) {
	size := uint64(0)
	for i := range items {
		size += uint64(items[i].Len)
	}
	q.Lost(ln, len(items), size)
	ReleaseItems(items)
}
