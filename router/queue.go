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
	largest      uint32 // of the messages since the lane was last seen empty
	tail         mark   // behind the last message that was refused or evicted
	unknown      mark   // where something was lost of unknown size, and its Reason

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
		l.largest = max(l.largest, it.Len)
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
	return l.capacity - l.len()
}

// Close ends the queue: the consumer takes what is left and then sees the end.
func (q *Queue) Close() {
	q.closed.Store(true)
	q.notify()
}

// Closed reports whether Close was called.
func (q *Queue) Closed() bool { return q.closed.Load() }
