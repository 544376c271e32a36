package router

import (
	"context"
	"math/bits"
	"runtime"
	"sync/atomic"
)

// Taken is what a consumer got from a queue: perhaps a gap, and then messages
// with consecutive sequence numbers. Items are valid until the next Take; their
// references are the consumer's to release.
type Taken struct {
	Lane  Lane
	Gap   Gap // where HasGap: lost just before Items
	Items []Item
	// HasGap says that Gap is set.
	HasGap bool
}

// Take takes up to max messages of the lane that is to be served first; ok is
// false when there is nothing. Consumer only. Each message must be accounted
// for with Delivered or Lost.
func (q *Queue) Take(max int) (t Taken, ok bool) {
	if t, ok = q.TakeLane(Urgent, max); ok {
		return t, true
	}
	return q.TakeLane(Bulk, max)
}

// TakeLane is Take from one lane.
func (q *Queue) TakeLane(ln Lane, max int) (t Taken, ok bool) {
	l := &q.lanes[ln]
	switch {
	case l.ring != nil:
		ok = l.take(max, &t)
	case l.conf != nil:
		ok = l.conf.take(l, &t)
	}
	t.Lane = ln
	t.Gap.Urgent = ln == Urgent
	return t, ok
}

func (l *lane) take(max int, t *Taken) bool {
	items := l.rest
	if len(items) == 0 {
		// The mark is read before the ring: what was pushed before the mark was
		// set is then seen by the claim, so an empty claim proves that all up to
		// the mark is lost.
		tailSeq, tailPos := l.tail.load()
		items = l.ring.Claim(max).Items
		if len(items) == 0 {
			if tailSeq <= l.expSeq {
				return false
			}
			l.gap(t, tailSeq, tailPos)
			return true
		}
	}
	first := &items[0]
	if first.seq != l.expSeq {
		l.gap(t, first.seq, first.pos)
	}
	if first.Buf == nil {
		if t.HasGap { // of known size: the mark has a turn of its own
			l.rest = items
			return true
		}
		t.HasGap = true
		t.Gap = Gap{First: first.seq, Last: first.seq, Reason: Reason(first.Off)}
		l.marks.Add(-1)
		l.rest = items[1:]
		return true
	}
	n := min(len(items), max)
	// Consecutive unless something was refused or marked in between: the last
	// number tells, but a marker shares its number with the message after it.
	if items[n-1].seq-first.seq != uint64(n-1) || l.hasMark(items[:n]) {
		for n = 1; n < len(items) && items[n].seq == first.seq+uint64(n) && items[n].Buf != nil; n++ {
		}
	}
	l.rest = items[n:]
	t.Items = items[:n]
	last := &items[n-1]
	l.expSeq, l.expPos = last.seq+1, last.pos+uint64(last.Len)
	return true
}

// hasMark reports whether a marker hides among items whose first and last
// numbers fit; then a hole is among them as well.
func (l *lane) hasMark(items []Item) bool {
	if l.marks.Load() == 0 {
		return false
	}
	for i := range items {
		if items[i].Buf == nil {
			return true
		}
	}
	return false
}

// gap sets t's gap to everything from what was expected to seq, and expects seq.
func (l *lane) gap(t *Taken, seq, pos uint64) {
	// No reason yet: the producer has made room in its way and is about to say
	// so. Several since the last gap: the gravest has the highest number.
	why := l.natural
	if r := l.reasons.Swap(0); r != 0 {
		why = Reason(bits.Len32(r) - 1)
	}
	t.HasGap = true
	t.Gap = Gap{First: l.expSeq, Last: seq - 1, Count: seq - l.expSeq, Bytes: pos - l.expPos, Reason: why}
	l.expSeq, l.expPos = seq, pos
}

// Delivered books n taken messages of together size bytes as delivered.
func (q *Queue) Delivered(ln Lane, n int, size uint64) {
	q.lanes[ln].done.Add(uint64(n))
	q.lanes[ln].doneBytes.Add(size)
}

// Lost books n taken messages as lost with their connection.
func (q *Queue) Lost(ln Lane, n int, size uint64) {
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
	if l.len() > 0 || len(l.rest) > 0 {
		return true
	}
	tail, _ := l.tail.load()
	if l.conf != nil {
		return tail > l.conf.told || l.conf.unknown.Load() != 0
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
		return ErrClosed
	}
	return nil
}

func (q *Queue) stirred() bool { return q.Pending() || q.closed.Load() }

// tailMark is the place behind the last message that the producer refused or
// evicted (of a conflated lane: how much was lost outside its slots), readable
// by the consumer: a sequence lock, whose writer never waits.
type tailMark struct {
	version  atomic.Uint64 // odd while the pair is being written
	seq, pos atomic.Uint64
}

func (m *tailMark) store(seq, pos uint64) {
	m.version.Add(1)
	m.seq.Store(seq)
	m.pos.Store(pos)
	m.version.Add(1)
}

func (m *tailMark) load() (seq, pos uint64) {
	for {
		v := m.version.Load()
		seq, pos = m.seq.Load(), m.pos.Load()
		if v&1 == 0 && m.version.Load() == v {
			return seq, pos
		}
		runtime.Gosched()
	}
}
