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

// QueuedBytes returns the bytes of the lane's frames that are neither delivered nor
// dropped. Producer only.
func (q *Queue) QueuedBytes(ln bus.Lane) uint64 { return q.lanes[ln].queuedBytes() }

// Capacity returns how many messages the lane holds.
func (q *Queue) Capacity(ln bus.Lane) int { return q.lanes[ln].capacity }

const (
	// LaneCount is how many lanes a queue has.
	LaneCount   = 2
	reasonCount = 9 // one more than frame.ReasonClient
)

// Queue holds the messages that wait for one subscriber. It has two lanes, an overflow
// policy, and the counters that make every loss exact. One goroutine at a time is the
// producer (in the broker always the routing thread) and one is the consumer. They may
// be the same.
type Queue struct {
	overflow   bus.Overflow
	dropReason bus.Reason // for a client's own queue, see SetDropReason
	reported   bool       // see AwaitReports
	closed     atomic.Bool
	woken      atomic.Bool            // Wait returns at once, even if the queue is empty
	onSettled  atomic.Pointer[func()] // see WatchSettled; nil: no publisher waits
	window     int
	lanes      [LaneCount]lane
	signal     *ring.Signal                    // a consumer on another goroutine sleeps on it; nil if there is none
	onDrop     func(ln bus.Lane, items []Item) // for a client's own queue, see SetDropReason
}

// Reset makes q ready for use, with a capacity for each lane. It must not be in use. If
// eager is set, Reset makes the rings, because a consumer on another goroutine needs
// them from the start. Otherwise the first message of a lane makes its ring.
func (q *Queue) Reset(overflow bus.Overflow, bulk, urgent int, eager bool) {
	q.overflow, q.dropReason = overflow, frame.ReasonDropOldest
	q.lanes[bus.Bulk].capacity, q.lanes[bus.Urgent].capacity = bulk, urgent
	for i := range q.lanes {
		q.lanes[i].policyReason = reasonOfPolicy(overflow)
		q.lanes[i].conflates = overflow == bus.Conflate
	}
	if eager {
		q.signal = ring.NewSignal()
		for i := range q.lanes {
			q.open(&q.lanes[i])
		}
	}
}

// ChargeTo charges the queue's memory beside its messages to a: what it uses already, and
// what it will use.
func (q *Queue) ChargeTo(a *charge.Account) {
	for i := range q.lanes {
		l := &q.lanes[i]
		l.charge = a.Empty(charge.Queues)
		l.charge.Force(l.slotMemory(0))
	}
}

// Release gives back the queue's charge when the queue is no longer used, and its slots
// if their consumer is not another goroutine: something may refer to the queue for a while
// yet. Memory that the queue takes afterwards is not charged.
func (q *Queue) Release() {
	for i := range q.lanes {
		l := &q.lanes[i]
		q.trim(l)
		l.charge.Release()
		l.charge = charge.Charge{}
	}
}

// noSignal is the signal of rings on which no consumer sleeps.
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

// Notify wakes a consumer that sleeps in Wait.
func (q *Queue) Notify() {
	if q.signal != nil {
		q.signal.Notify()
	}
}

// Wake makes the current Wait and every later one return at once, so that the consumer
// can end although the queue is not closed.
func (q *Queue) Wake() {
	q.woken.Store(true)
	q.Notify()
}

// Close ends the queue. The consumer can dequeue what is left; then Wait returns
// ErrClosed.
func (q *Queue) Close() {
	q.closed.Store(true)
	q.Notify()
}

// Closed reports whether Close was called.
func (q *Queue) Closed() bool { return q.closed.Load() }
