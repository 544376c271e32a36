package queue

import (
	"context"
	"math"
	"math/bits"

	"github.com/daemoneye/eventbus/router/bus"
)

// Batch is what a consumer got from a queue: perhaps a gap, and then messages
// with consecutive sequence numbers. Items are valid until the next Take; their
// references are the consumer's to release.
type Batch struct {
	Lane  bus.Lane
	Gap   bus.Gap // where HasGap: lost just before Items
	Items []Item
	// HasGap says that Gap is set.
	HasGap bool
}

// Dequeue takes up to max messages of the lane that is to be served first; ok is
// false when there is nothing. Consumer only. Each message must be accounted
// for with Delivered or Lost.
func (q *Queue) Dequeue(max int) (t Batch, ok bool) {
	if t, ok = q.DequeueLane(bus.Urgent, max); ok {
		return t, true
	}
	return q.DequeueLane(bus.Bulk, max)
}

// DequeueLane is Take from one lane.
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
	case l.ring != nil || q.signal == nil && l.used():
		ok = l.dequeue(max, &t)
	}
	t.Lane = ln
	t.Gap.Urgent = ln == bus.Urgent
	if q.reported {
		l.reports.dequeued += uint64(len(t.Items))
	}
	return t, ok
}

// Claimable returns how many messages one Take may ask for without getting more
// than size bytes, whatever waits: what is taken can no longer be evicted. It is at
// least one. It is for a queue that one goroutine produces and consumes.
func (q *Queue) Claimable(ln bus.Lane, size int) int {
	return max(1, min(ClaimSize, size/int(max(q.lanes[ln].largest, 1))))
}

func (l *lane) dequeue(max int, t *Batch) bool {
	items := l.remaining
	l.remaining = nil
	var seq, pos uint64
	if len(items) == 0 {
		// The mark is read before the ring: what was pushed before the mark was
		// set is then seen by the claim, so an empty claim proves that all up to
		// the mark is lost.
		seq, pos, _ = l.tail.load()
		if l.ring != nil {
			items = l.ring.Claim(max).Items
		}
	}
	if len(items) > 0 {
		seq, pos = items[0].seq, items[0].pos
	}
	if seq > l.expSeq {
		l.setGap(t, seq, pos)
	}
	if t.HasGap && l.unknown.version.Load() != l.unknownSeen || l.takeUnknown(t, l.expSeq) {
		l.remaining = items // a gap of unknown size has a turn of its own
		return true
	}
	if len(items) == 0 {
		return t.HasGap
	}
	n := l.consecutive(items[:min(len(items), max)])
	l.remaining = items[n:]
	t.Items = items[:n]
	last := &items[n-1]
	l.expSeq, l.expPos = last.seq+1, last.pos+uint64(last.Len)
	return true
}

// consecutive returns how many of items follow each other, with nothing refused or lost
// between them. The last number tells at a glance.
func (l *lane) consecutive(items []Item) (n int) {
	first := items[0].seq
	end := uint64(math.MaxUint64)
	if l.unknown.version.Load() != l.unknownSeen {
		end, _, _ = l.unknown.load() // it was not before first
	}
	if last := items[len(items)-1].seq; last-first == uint64(len(items)-1) && last < end {
		return len(items)
	}
	for n = 1; n < len(items) && items[n].seq == first+uint64(n) && items[n].seq != end; n++ {
	}
	return n
}

// takeUnknown sets t's gap to a loss of unknown size that has not been told, and
// lies no further than at.
func (l *lane) takeUnknown(t *Batch, at uint64) bool {
	if l.unknown.version.Load() == l.unknownSeen {
		return false
	}
	seq, why, version := l.unknown.load()
	if seq > at {
		return false
	}
	l.unknownSeen = version
	t.HasGap = true
	t.Gap = bus.Gap{First: l.expSeq, Last: l.expSeq, Reason: bus.Reason(why)}
	return true
}

// setGap sets t's gap to everything from what was expected to seq, and expects seq.
func (l *lane) setGap(t *Batch, seq, pos uint64) {
	// No reason yet: the producer has made room in its way and is about to say
	// so. Several since the last gap: the gravest has the highest number.
	why := l.natural
	if r := l.reasons.Swap(0); r != 0 {
		why = bus.Reason(bits.Len32(r) - 1)
	}
	t.HasGap = true
	t.Gap = bus.Gap{First: l.expSeq, Last: seq - 1, Count: seq - l.expSeq, Bytes: pos - l.expPos, Reason: why}
	l.expSeq, l.expPos = seq, pos
}

// Delivered counts n taken messages of together size bytes as delivered, or as in
// flight where the consumer reports what it has taken.
func (q *Queue) Delivered(ln bus.Lane, n int, size uint64) {
	if q.reported {
		r := &q.lanes[ln].reports
		r.sent += uint64(n)
		r.sentBytes += size
		return
	}
	q.lanes[ln].done.Add(uint64(n))
	q.lanes[ln].doneBytes.Add(size)
}

// Lost books n taken messages as lost with their connection.
func (q *Queue) Lost(ln bus.Lane, n int, size uint64) {
	q.lanes[ln].lost.Add(uint64(n))
	q.lanes[ln].lostBytes.Add(size)
}

// Pending reports whether Take would return something. Consumer only.
func (q *Queue) Pending() bool {
	for i := range q.lanes {
		if q.lanes[i].pending() {
			return true
		}
	}
	return false
}

func (l *lane) pending() bool {
	if l.len() > 0 || len(l.remaining) > 0 {
		return true
	}
	if l.unknown.version.Load() != l.unknownSeen {
		return true
	}
	tail, _, _ := l.tail.load()
	if l.conflates {
		return tail > l.announced.count
	}
	return tail > l.expSeq
}

// Wait blocks until Take has something (nil), the queue is closed and empty
// (ErrClosed), or ctx ends. Consumer only, of a queue made eager.
func (q *Queue) Wait(ctx context.Context) error {
	if err := q.signal.Wait(ctx, q.stirred); err != nil {
		return err
	}
	if !q.Pending() && q.closed.Load() && !q.Pending() {
		return bus.ErrClosed
	}
	return nil
}

func (q *Queue) stirred() bool { return q.Pending() || q.closed.Load() || q.woken.Load() }
