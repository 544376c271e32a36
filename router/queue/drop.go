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
		l.charge.Resize(l.slotMemory(0))
		return out
	}
	if out = l.ring.Evict(n, out); len(out) > 0 {
		l.countDropped(out, why)
		l.lostUpTo.store(l.seq, l.pos)
	}
	return out
}

// RecordLoss announces a loss behind the last message of the lane: count messages of size
// bytes together. A count of 0 is a loss of unknown size. If there are several of those
// that the consumer has not announced yet, it announces only the last. Producer only.
func (q *Queue) RecordLoss(ln bus.Lane, count, size uint64, why bus.Reason) {
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
