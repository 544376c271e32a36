package queue

import (
	"sync/atomic"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ring"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
)

// Len returns how many messages wait in the lane.
func (q *Queue) Len(ln bus.Lane) int { return q.lanes[ln].len() }

// QueuedBytes returns how many bytes the frames have that are neither delivered
// nor dropped. Producer only.
func (q *Queue) QueuedBytes(ln bus.Lane) uint64 { return q.lanes[ln].queuedBytes() }

// Capacity returns how many messages the lane holds.
func (q *Queue) Capacity(ln bus.Lane) int { return q.lanes[ln].capacity }

const (
	LaneCount   = 2
	reasonCount = 9 // one more than frame.ReasonClient
)

// Queue is what waits for one subscriber: two lanes, an overflow policy, and
// the counters that make every loss exact. One goroutine at a time produces (in the
// broker always the routing thread) and one consumes; they may be the same.
type Queue struct {
	overflow bus.Overflow
	lanes    [LaneCount]lane
	signal   *ring.Signal // where a consumer on another goroutine sleeps; else nil
	closed   atomic.Bool
	woken    atomic.Bool // Wait returns, whatever there is
	reported bool        // see AwaitReports
	window   int
	// of a client's own queue, see SetDropReason
	dropReason bus.Reason
	onDrop     func(ln bus.Lane, items []Item)
}

// Reset makes q ready for use with a capacity for each lane; it must not be in
// use. Rings are made when the first message comes, or at once when eager: a
// consumer on another goroutine needs them there.
func (q *Queue) Reset(overflow bus.Overflow, bulk, urgent int, eager bool) {
	q.overflow, q.dropReason = overflow, frame.ReasonDropOldest
	q.lanes[bus.Bulk].capacity, q.lanes[bus.Urgent].capacity = bulk, urgent
	for i := range q.lanes {
		q.lanes[i].natural = naturalReason(overflow)
		q.lanes[i].conflates = overflow == bus.Conflate
	}
	if eager {
		q.signal = ring.NewSignal()
		for i := range q.lanes {
			q.open(&q.lanes[i])
		}
	}
}

// ChargeTo has what the queue takes beside its messages charged to a from now on, with
// what it takes already.
func (q *Queue) ChargeTo(a *charge.Account) {
	for i := range q.lanes {
		l := &q.lanes[i]
		l.charge = a.Empty(charge.Queues)
		l.charge.Force(l.slots(0))
	}
}

// Release gives back what is charged for the queue, which is not used any more. What it
// may yet take is not charged.
func (q *Queue) Release() {
	for i := range q.lanes {
		q.lanes[i].charge.Release()
		q.lanes[i].charge = charge.Charge{}
	}
}

func naturalReason(o bus.Overflow) bus.Reason {
	switch o {
	case bus.DropNewest, bus.Disconnect:
		return frame.ReasonDropNewest
	case bus.Conflate:
		return frame.ReasonConflated
	}
	return frame.ReasonDropOldest
}

// noSignal is the signal of rings whose consumer never sleeps on them.
var noSignal = ring.NewSignalFunc(func() {})

func (q *Queue) open(l *lane) {
	signal := q.signal
	if signal == nil {
		signal = noSignal
	}
	if q.overflow == bus.Conflate {
		l.conflated = newConflated(l.capacity, signal)
		return
	}
	l.ring = ring.NewWithOptions(ring.Options[Item]{Capacity: l.capacity, Signal: signal})
}

// Push queues items, whose Buf, Off and Len are set and each of which hands over
// a reference, and returns how many messages were dropped by the policy (of
// these or of older ones). Producer only. scratch is reused for what comes out. Admit
// charges what the queue takes for them.
func (q *Queue) Push(ln bus.Lane, items []Item, scratch *[]Item) (dropped int) {
	l := &q.lanes[ln]
	first, end := 0, len(items)
	if q.window > 0 && ln == bus.Bulk {
		dropped, first, end = q.makeRoom(ln, len(items), scratch)
	}
	if l.ring == nil && l.conflated == nil {
		q.open(l)
	}
	l.notePinned(items)
	seq, pos := l.seq, l.pos
	for i := range items {
		it := &items[i]
		it.seq, it.pos = seq, pos
		seq++
		pos += uint64(it.Len)
		l.largest = max(l.largest, it.Len)
	}
	l.seq, l.pos = seq, pos
	if end < len(items) {
		dropped += l.drop(items[end:], frame.ReasonDropNewest)
		l.tail.store(seq, pos)
	}
	if first > 0 {
		dropped += l.drop(items[:first], frame.ReasonDropOldest)
	}
	items = items[first:end]
	switch q.overflow {
	case bus.Conflate:
		for i := range items {
			dropped += l.conflated.push(l, &items[i])
		}
		l.publishOutside()
		if excess := q.outstanding(ln) - l.capacity; q.window > 0 && ln == bus.Bulk && excess > 0 {
			dropped += q.dropOldest(ln, excess, scratch)
		}
	case bus.DropNewest, bus.Disconnect:
		if n := l.ring.OfferBatch(items); n < len(items) {
			dropped += l.drop(items[n:], frame.ReasonDropNewest)
			l.tail.store(seq, pos)
		}
	default:
		if out := l.ring.PushBatch(items, (*scratch)[:0]); len(out) > 0 {
			if q.onDrop != nil {
				q.onDrop(ln, out)
			}
			dropped += l.drop(out, q.dropReason)
			clear(out)
			*scratch = out
		}
	}
	return dropped
}

func (q *Queue) Notify() {
	if q.signal != nil {
		q.signal.Notify()
	}
}

// Room returns how many messages the lane takes before its policy acts.
func (q *Queue) Room(ln bus.Lane) int {
	l := &q.lanes[ln]
	if q.window > 0 && ln == bus.Bulk {
		return max(0, l.capacity-q.outstanding(ln))
	}
	return l.capacity - l.len()
}

// Wake has the Wait that goes on, and every later one, return at once: the consumer is
// to end, although the queue goes on.
func (q *Queue) Wake() {
	q.woken.Store(true)
	q.Notify()
}

// Close ends the queue: the consumer takes what is left and then sees the end.
func (q *Queue) Close() {
	q.closed.Store(true)
	q.Notify()
}

// Closed reports whether Close was called.
func (q *Queue) Closed() bool { return q.closed.Load() }
