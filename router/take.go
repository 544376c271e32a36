package router

import (
	"context"
	"math"
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

// Claimable returns how many messages one Take may ask for without getting more
// than size bytes, whatever waits: what is taken can no longer be evicted. It is at
// least one. It is for a queue that one goroutine produces and consumes.
func (q *Queue) Claimable(ln Lane, size int) int {
	return max(1, min(ClaimSize, size/int(max(q.lanes[ln].largest, 1))))
}

func (l *lane) take(max int, t *Taken) bool {
	items := l.rest
	l.rest = nil
	var seq, pos uint64
	if len(items) == 0 {
		// The mark is read before the ring: what was pushed before the mark was
		// set is then seen by the claim, so an empty claim proves that all up to
		// the mark is lost.
		seq, pos, _ = l.tail.load()
		items = l.ring.Claim(max).Items
	}
	if len(items) > 0 {
		seq, pos = items[0].seq, items[0].pos
	}
	if seq > l.expSeq {
		l.gap(t, seq, pos)
	}
	if t.HasGap && l.unknown.version.Load() != l.told || l.tellUnknown(t, l.expSeq) {
		l.rest = items // a gap of unknown size has a turn of its own
		return true
	}
	if len(items) == 0 {
		return t.HasGap
	}
	n := l.run(items[:min(len(items), max)])
	l.rest = items[n:]
	t.Items = items[:n]
	last := &items[n-1]
	l.expSeq, l.expPos = last.seq+1, last.pos+uint64(last.Len)
	return true
}

// run returns how many of items follow each other, with nothing refused or lost
// between them. The last number tells at a glance.
func (l *lane) run(items []Item) (n int) {
	first := items[0].seq
	end := uint64(math.MaxUint64)
	if l.unknown.version.Load() != l.told {
		end, _, _ = l.unknown.load() // it was not before first
	}
	if last := items[len(items)-1].seq; last-first == uint64(len(items)-1) && last < end {
		return len(items)
	}
	for n = 1; n < len(items) && items[n].seq == first+uint64(n) && items[n].seq != end; n++ {
	}
	return n
}

// tellUnknown sets t's gap to a loss of unknown size that has not been told, and
// lies no further than at.
func (l *lane) tellUnknown(t *Taken, at uint64) bool {
	if l.unknown.version.Load() == l.told {
		return false
	}
	seq, why, version := l.unknown.load()
	if seq > at {
		return false
	}
	l.told = version
	t.HasGap = true
	t.Gap = Gap{First: l.expSeq, Last: l.expSeq, Reason: Reason(why)}
	return true
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
	if l.unknown.version.Load() != l.told {
		return true
	}
	tail, _, _ := l.tail.load()
	if l.conf != nil {
		return tail > l.conf.told
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

// mark is a place that the producer tells the consumer of: a sequence number and
// the bytes before it (of a conflated lane: how much was lost outside its slots),
// or the reason. It is a sequence lock, whose writer never waits.
type mark struct {
	version  atomic.Uint64 // odd while the pair is being written
	seq, pos atomic.Uint64
}

func (m *mark) store(seq, pos uint64) {
	m.version.Add(1)
	m.seq.Store(seq)
	m.pos.Store(pos)
	m.version.Add(1)
}

func (m *mark) load() (seq, pos, version uint64) {
	for {
		version = m.version.Load()
		seq, pos = m.seq.Load(), m.pos.Load()
		if version&1 == 0 && m.version.Load() == version {
			return seq, pos, version
		}
		runtime.Gosched()
	}
}
