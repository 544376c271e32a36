package router

import (
	"sync/atomic"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ring"
)

// Lane is one of a subscription's two ways. Each has a capacity of its own, and
// the urgent one is always served first.
type Lane = frame.Lane

// The lanes.
const (
	Bulk   = frame.LaneBulk
	Urgent = frame.LaneUrgent
)

const (
	laneCount   = 2
	reasonCount = 16 // more than there are
)

// Item is one queued message: a view of a frame in a shared buffer, on which it
// holds one reference.
type Item struct {
	Buf      *frame.Buffer
	Off, Len uint32
	// seq is the message's number in its lane. Numbers are given before the
	// queue decides what to drop, so that every loss leaves a hole.
	seq uint64
	// pos counts the bytes of all frames of the lane before this one, so that a
	// hole in seq has its size in pos.
	pos uint64
}

// Frame returns the message's bytes. They are valid as long as the reference.
func (it *Item) Frame() frame.Frame {
	return frame.Frame(it.Buf.B[it.Off : it.Off+it.Len : it.Off+it.Len])
}

// Sequence returns the message's number in its lane.
func (it *Item) Sequence() uint64 { return it.seq }

// Queue is what waits for one subscriber: two lanes, an overflow policy, and
// the books that make every loss exact. One goroutine at a time produces (in the
// broker always the routing thread) and one consumes; they may be the same.
type Queue struct {
	overflow Overflow
	lanes    [laneCount]lane
	signal   *ring.Signal // where a consumer on another goroutine sleeps; else nil
	closed   atomic.Bool
	evicted  func(*Item) // is shown what Evict takes out, where not nil
}

// lane is one of the queue's two ways: a ring, or with the conflate policy a
// set of topics.
type lane struct {
	capacity int
	ring     *ring.Ring[Item]
	conf     *conflated

	// written by the producer
	seq, pos     uint64 // of the next message: matched messages and their bytes
	dropped      [reasonCount]uint64
	droppedBytes uint64
	pinned       pinned
	tail         mark // behind the last message that was refused or evicted
	unknown      mark // where something was lost of unknown size, and its Reason

	// written by the producer, taken by the consumer
	natural Reason        // of the losses that the policy makes; constant
	reasons atomic.Uint32 // bits 1<<Reason of what was dropped since the last gap

	// written by the consumer
	expSeq, expPos uint64 // what the next message's seq and pos are without loss
	rest           []Item // of the last claim, beyond a hole
	told           uint64 // version of unknown that was told
	one            [1]Item
	done           atomic.Uint64 // delivered messages
	doneBytes      atomic.Uint64
	lost           atomic.Uint64 // taken but never delivered: their connection died
	lostBytes      atomic.Uint64
}

// Reset makes q ready for use with a capacity for each lane; it must not be in
// use. Rings are made when the first message comes, or at once when eager: a
// consumer on another goroutine needs them there.
func (q *Queue) Reset(overflow Overflow, bulk, urgent int, eager bool) {
	q.overflow = overflow
	q.lanes[Bulk].capacity, q.lanes[Urgent].capacity = bulk, urgent
	for i := range q.lanes {
		q.lanes[i].natural = naturalReason(overflow)
	}
	if eager {
		q.signal = ring.NewSignal()
		for i := range q.lanes {
			q.open(&q.lanes[i])
		}
	}
}

func naturalReason(o Overflow) Reason {
	switch o {
	case DropNewest, Disconnect:
		return frame.ReasonDropNewest
	case Conflate:
		return frame.ReasonConflated
	}
	return frame.ReasonDropOldest
}

// nobody is the signal of rings whose consumer never sleeps on them.
var nobody = ring.NewSignalFunc(func() {})

func (q *Queue) open(l *lane) {
	signal := q.signal
	if signal == nil {
		signal = nobody
	}
	if q.overflow == Conflate {
		l.conf = newConflated(l.capacity, signal)
		return
	}
	l.ring = ring.NewWithOptions(ring.Options[Item]{Capacity: l.capacity, Signal: signal})
}

// Push queues items, whose Buf, Off and Len are set and each of which hands over
// a reference, and returns how many messages were dropped by the policy (of
// these or of older ones). Producer only. scratch is reused for what comes out.
func (q *Queue) Push(ln Lane, items []Item, scratch *[]Item) (dropped int) {
	l := &q.lanes[ln]
	if l.ring == nil && l.conf == nil {
		q.open(l)
	}
	l.pin(items)
	seq, pos := l.seq, l.pos
	for i := range items {
		it := &items[i]
		it.seq, it.pos = seq, pos
		seq++
		pos += uint64(it.Len)
	}
	l.seq, l.pos = seq, pos
	switch q.overflow {
	case Conflate:
		for i := range items {
			dropped += l.conf.push(l, &items[i])
		}
		l.conf.tell(l)
	case DropNewest, Disconnect:
		if n := l.ring.OfferBatch(items); n < len(items) {
			dropped = l.drop(items[n:], frame.ReasonDropNewest)
			l.tail.store(seq, pos)
		}
	default:
		if out := l.ring.PushBatch(items, (*scratch)[:0]); len(out) > 0 {
			dropped = l.drop(out, frame.ReasonDropOldest)
			clear(out)
			*scratch = out
		}
	}
	return dropped
}

func (q *Queue) notify() {
	if q.signal != nil {
		q.signal.Notify()
	}
}

// Room returns how many messages the lane takes before its policy acts.
func (q *Queue) Room(ln Lane) int {
	l := &q.lanes[ln]
	if l.ring == nil {
		return l.capacity
	}
	return l.capacity - l.ring.Len()
}

// Evict drops up to n of the lane's oldest messages and returns how many went.
// Producer only.
func (q *Queue) Evict(ln Lane, n int, why Reason, scratch *[]Item) int {
	l := &q.lanes[ln]
	if l.len() == 0 {
		return 0
	}
	l.reasons.Or(1 << why) // before the hole can be seen
	var dropped int
	if l.conf != nil {
		dropped = l.conf.evict(l, n, why)
		l.conf.tell(l)
	} else if out := l.ring.Evict(n, (*scratch)[:0]); len(out) > 0 {
		if q.evicted != nil {
			*scratch = nil // is out's memory, and may be needed by what follows
			for i := range out {
				q.evicted(&out[i])
			}
		}
		dropped = l.drop(out, why)
		l.tail.store(l.seq, l.pos)
		clear(out)
		*scratch = out
	}
	q.notify()
	return dropped
}

// Skip announces count lost messages of together size bytes at this place of
// the lane. A count of 0 is a loss of unknown size; of several that the consumer
// has not come to, it is told the last. Producer only.
func (q *Queue) Skip(ln Lane, count, size uint64, why Reason) {
	l := &q.lanes[ln]
	if l.ring == nil && l.conf == nil {
		q.open(l)
	}
	if count == 0 {
		l.unknown.store(l.seq, uint64(why))
		q.notify()
		return
	}
	l.reasons.Or(1 << why)
	l.seq += count
	l.pos += size
	l.dropped[why] += count
	l.droppedBytes += size
	if l.conf != nil {
		l.conf.owe(count, size)
		l.conf.tell(l)
	} else {
		l.tail.store(l.seq, l.pos)
	}
	q.notify()
}

// drop books and releases what the policy took out or refused, and returns how
// many messages that were. What was refused is still the run's for the next
// queue, so items are not cleared here.
func (l *lane) drop(items []Item, why Reason) int {
	l.reasons.Or(1 << why)
	for i := range items {
		l.droppedBytes += uint64(items[i].Len)
	}
	l.dropped[why] += uint64(len(items))
	releaseRefs(items)
	return len(items)
}

// ReleaseItems gives back the references that items hold, and clears them.
func ReleaseItems(items []Item) {
	releaseRefs(items)
	clear(items)
}

// releaseRefs gives references back, a run of the same buffer at a time.
func releaseRefs(items []Item) {
	for i := 0; i < len(items); {
		buf := items[i].Buf
		j := i + 1
		for j < len(items) && items[j].Buf == buf {
			j++
		}
		buf.Release(j - i)
		i = j
	}
}

// Close ends the queue: the consumer takes what is left and then sees the end.
func (q *Queue) Close() {
	q.closed.Store(true)
	q.notify()
}

// Closed reports whether Close was called.
func (q *Queue) Closed() bool { return q.closed.Load() }

// Discard takes everything that is queued, books it as lost with its consumer
// and releases it. Consumer only; the producer should have stopped.
func (q *Queue) Discard() {
	for {
		t, ok := q.Take(ClaimSize)
		if !ok {
			return
		}
		q.lose(t.Lane, t.Items)
	}
}

// lose gives up messages that were taken.
func (q *Queue) lose(ln Lane, items []Item) {
	size := uint64(0)
	for i := range items {
		size += uint64(items[i].Len)
	}
	q.Lost(ln, len(items), size)
	ReleaseItems(items)
}

// Count is a queue's books at one moment. Matched = Delivered + Dropped +
// Queued holds whenever neither side is in the middle of a call.
type Count struct {
	Matched, Delivered, Dropped uint64
	// Queued are the messages in the lanes; Taken those that the consumer took
	// and has neither delivered nor given up yet.
	Queued, Taken int
	// QueuedBytes are those of Queued and Taken.
	QueuedBytes uint64
	// ByReason splits Dropped.
	ByReason [reasonCount]uint64
}

// Count adds up both lanes. It must be called by the producer, the consumer may
// go on meanwhile.
func (q *Queue) Count() Count {
	var c Count
	for i := range q.lanes {
		l := &q.lanes[i]
		// Read what the consumer moves before what is derived from it.
		delivered, lost := l.done.Load(), l.lost.Load()
		c.Matched += l.seq
		c.Delivered += delivered
		var dropped uint64
		for r, n := range l.dropped {
			c.ByReason[r] += n
			dropped += n
		}
		dropped += lost
		c.ByReason[frame.ReasonConnection] += lost
		c.Dropped += dropped
		queued := l.len()
		c.Queued += queued
		c.Taken += int(l.seq-delivered-dropped) - queued
		c.QueuedBytes += l.queuedBytes()
	}
	return c
}

func (l *lane) len() int {
	switch {
	case l.ring != nil:
		return l.ring.Len()
	case l.conf != nil:
		return l.conf.len()
	}
	return 0
}

// queuedBytes is what is neither delivered nor dropped; conflated messages were
// dropped when they were replaced.
func (l *lane) queuedBytes() uint64 {
	return l.pos - l.droppedBytes - l.doneBytes.Load() - l.lostBytes.Load()
}
