package queue

import "github.com/daemoneye/eventbus/router/bus"

// Evict drops up to n of the lane's oldest messages and returns how many went.
// Producer only.
func (q *Queue) Evict(ln bus.Lane, n int, why bus.Reason, scratch *[]Item) int {
	l := &q.lanes[ln]
	if l.len() == 0 {
		return 0
	}
	before := l.reasons.Or(1 << why) // before the hole can be seen
	var dropped int
	if l.conflated != nil {
		dropped = l.conflated.evict(l, n, why)
		l.conflated.publishLost(l)
	} else if out := l.ring.Evict(n, (*scratch)[:0]); len(out) > 0 {
		if q.OnEvict != nil {
			*scratch = nil // is out's memory, and may be needed by what follows
			for i := range out {
				q.OnEvict(&out[i])
			}
		}
		dropped = l.drop(out, why)
		l.tail.store(l.seq, l.pos)
		clear(out)
		*scratch = out
	}
	if dropped == 0 { // the consumer was faster
		l.reasons.And(^uint32(1<<why) | before)
		return 0
	}
	q.Notify()
	return dropped
}

// Skip announces count lost messages of together size bytes at this place of
// the lane. A count of 0 is a loss of unknown size; of several that the consumer
// has not come to, it is told the last. Producer only.
func (q *Queue) Skip(ln bus.Lane, count, size uint64, why bus.Reason) {
	l := &q.lanes[ln]
	if l.ring == nil && l.conflated == nil {
		q.open(l)
	}
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
	if l.conflated != nil {
		l.conflated.addLost(count, size)
		l.conflated.publishLost(l)
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

// drop books and releases what the policy took out or refused, and returns how
// many messages that were. What was refused is still the run's for the next
// queue, so items are not cleared here.
func (l *lane) drop(items []Item, why bus.Reason) int {
	l.reasons.Or(1 << why)
	for i := range items {
		l.droppedBytes += uint64(items[i].Len)
	}
	l.dropped[why] += uint64(len(items))
	releaseRefs(items)
	return len(items)
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
