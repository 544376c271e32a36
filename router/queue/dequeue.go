package queue

import (
	"context"
	"math"
	"math/bits"

	"github.com/daemoneye/eventbus/router/bus"
)

// Batch is what Dequeue returns: a gap, if there was a loss, and then messages with
// consecutive sequence numbers. Items are valid until the next Dequeue. The consumer
// must release their references.
type Batch struct {
	Lane  bus.Lane
	Gap   bus.Gap // where HasGap: lost just before Items
	Items []Item
	// HasGap means that Gap is set.
	HasGap bool
}

// Dequeue returns up to max messages of one lane, of the urgent one if it has any; ok is
// false when both are empty. The consumer must count each message with Delivered or
// Lost. Consumer only.
func (q *Queue) Dequeue(max int) (t Batch, ok bool) {
	if t, ok = q.DequeueLane(bus.Urgent, max); ok {
		return t, true
	}
	return q.DequeueLane(bus.Bulk, max)
}

// DequeueLane is Dequeue for one lane.
func (q *Queue) DequeueLane(ln bus.Lane, max int) (t Batch, ok bool) {
	l := &q.lanes[ln]
	if q.window > 0 && ln == bus.Bulk {
		if max = min(max, q.window-q.InFlight(ln)); max <= 0 {
			return t, false
		}
	}
	switch {
	case l.conflates:
		ok = l.dequeueConflated(&t)
	case l.ring != nil || q.signal == nil && l.everUsed():
		ok = l.dequeue(max, &t)
	}
	t.Lane = ln
	t.Gap.Urgent = ln == bus.Urgent
	if q.reported && len(t.Items) > 0 {
		r := l.reporting()
		r.dequeued += uint64(len(t.Items))
		r.dequeuedBytes += l.bytesOf(t.Items)
	}
	return t, ok
}

// bytesOf returns how many bytes the frames of items have, which follow each other in the
// lane.
func (l *lane) bytesOf(items []Item) (size uint64) {
	if l.conflates { // a message that replaced another has the place of that one
		for i := range items {
			size += uint64(items[i].Len)
		}
		return size
	}
	last := &items[len(items)-1]
	return last.pos + uint64(last.Len) - items[0].pos
}

// Claimable returns how many messages Dequeue may be asked for so that it returns at
// most size bytes, whatever is queued. The consumer bounds that because messages can no
// longer be evicted once they are dequeued. The result is at least 1. It is for a queue
// whose producer and consumer are one goroutine.
func (q *Queue) Claimable(ln bus.Lane, size int) int {
	return max(1, min(ClaimSize, size/int(max(q.lanes[ln].largestMessage, 1))))
}

func (l *lane) dequeue(max int, t *Batch) bool {
	items := l.remaining
	l.remaining = nil
	var seq, pos uint64
	if len(items) == 0 {
		// lostUpTo is read before the ring. Then the claim sees everything that was
		// pushed before lostUpTo was stored, so an empty claim proves that everything
		// up to lostUpTo is lost.
		seq, pos, _ = l.lostUpTo.load()
		if l.ring != nil {
			items = l.ring.Claim(max).Items
		}
	}
	if len(items) > 0 {
		seq, pos = items[0].seq, items[0].pos
	}
	if seq > l.expectedSeq {
		l.setGap(t, seq, pos)
	}
	if t.HasGap && l.unknown.version.Load() != l.unknownVersion || l.announceUnknownLoss(t, l.expectedSeq) {
		l.remaining = items // a gap of unknown size is a batch of its own
		return true
	}
	if len(items) == 0 {
		return t.HasGap
	}
	n := l.consecutive(items[:min(len(items), max)])
	l.remaining = items[n:]
	t.Items = items[:n]
	last := &items[n-1]
	l.expectedSeq, l.expectedPos = last.seq+1, last.pos+uint64(last.Len)
	return true
}

// consecutive returns how many of items follow each other, with no message refused or
// lost between them. If the last number fits the first, all do.
func (l *lane) consecutive(items []Item) (n int) {
	first := items[0].seq
	end := uint64(math.MaxUint64)
	if l.unknown.version.Load() != l.unknownVersion {
		end, _, _ = l.unknown.load() // it is not before first, or it would be announced
	}
	if last := items[len(items)-1].seq; last-first == uint64(len(items)-1) && last < end {
		return len(items)
	}
	for n = 1; n < len(items) && items[n].seq == first+uint64(n) && items[n].seq != end; n++ {
	}
	return n
}

// announceUnknownLoss sets t's gap to a loss of unknown size that has not been announced
// and is not behind sequence number at. It reports whether there is one.
func (l *lane) announceUnknownLoss(t *Batch, at uint64) bool {
	if l.unknown.version.Load() == l.unknownVersion {
		return false
	}
	seq, why, version := l.unknown.load()
	if seq > at {
		return false
	}
	l.unknownVersion = version
	t.HasGap = true
	t.Gap = bus.Gap{First: l.expectedSeq, Last: l.expectedSeq, Reason: bus.Reason(why)}
	return true
}

// setGap sets t's gap to all messages from the expected one to the one before seq. The
// next expected message is then seq.
func (l *lane) setGap(t *Batch, seq, pos uint64) {
	// If there is no reason yet, the overflow policy made room, and the producer is
	// about to store its reason. If there are several since the last gap, the gravest is
	// taken, which has the highest number.
	why := l.policyReason
	if r := l.reasons.Swap(0); r != 0 {
		why = bus.Reason(bits.Len32(r) - 1)
	}
	t.HasGap = true
	t.Gap = bus.Gap{First: l.expectedSeq, Last: seq - 1, Count: seq - l.expectedSeq, Bytes: pos - l.expectedPos, Reason: why}
	l.expectedSeq, l.expectedPos = seq, pos
}

// Delivered counts n dequeued messages, of size bytes together, as delivered. If the
// client reports what its program has consumed, they count as in flight instead.
func (q *Queue) Delivered(ln bus.Lane, n int, size uint64) {
	if q.reported {
		r := q.lanes[ln].reporting()
		rest, restBytes := r.settle(n, size)
		r.sent += rest
		r.sentBytes += restBytes
		return
	}
	q.lanes[ln].delivered.Add(uint64(n))
	q.lanes[ln].deliveredBytes.Add(size)
	q.noteSettled()
}

// Lost counts n dequeued messages, of size bytes together, as lost with their
// connection, but for those that the client has reported.
func (q *Queue) Lost(ln bus.Lane, n int, size uint64) {
	lost := uint64(n)
	if q.reported {
		lost, size = q.lanes[ln].reporting().settle(n, size)
	}
	q.lanes[ln].lost.Add(lost)
	q.lanes[ln].lostBytes.Add(size)
}

// Pending reports whether there is a message or a gap to dequeue. Consumer only.
func (q *Queue) Pending() bool {
	for i := range q.lanes {
		if q.lanes[i].pending() {
			return true
		}
	}
	return false
}

// LanePending is Pending for one lane. It costs less than to dequeue nothing.
func (q *Queue) LanePending(ln bus.Lane) bool { return q.lanes[ln].pending() }

func (l *lane) pending() bool {
	if l.len() > 0 || len(l.remaining) > 0 {
		return true
	}
	if l.unknown.version.Load() != l.unknownVersion {
		return true
	}
	if !l.lostUpTo.stored() {
		return false
	}
	tail, _, _ := l.lostUpTo.load()
	if l.conflates {
		return tail > l.announcedLoss.count
	}
	return tail > l.expectedSeq
}

// Wait blocks until there is something to dequeue or Wake was called (nil), until the
// queue is closed and empty (ErrClosed), or until ctx ends (its error). Consumer only,
// of a queue that Reset made eager.
func (q *Queue) Wait(ctx context.Context) error {
	if err := q.signal.Wait(ctx, q.mayReturn); err != nil {
		return err
	}
	if !q.Pending() && q.closed.Load() && !q.Pending() {
		return bus.ErrClosed
	}
	return nil
}

func (q *Queue) mayReturn() bool { return q.Pending() || q.closed.Load() || q.woken.Load() }
