package queue

import (
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// A consumer behind a socket may report what its program has taken (credit frames).
// What was written to the socket and is not reported yet is in flight: it counts as
// queued, and the policy acts on it together with what is queued here. All of this is
// of queues that one goroutine produces and consumes.

// reports is what the far consumer of a lane has reported.
type reports struct {
	dequeued        uint64       // taken by the writer, whether they are written or not
	sent, sentBytes uint64       // written to the socket
	last            frame.Credit // the last report
}

// inFlightBytes is what was sent and is not reported yet. It is not in memory here.
func (r *reports) inFlightBytes() uint64 {
	return r.sentBytes - r.last.ConsumedBytes - r.last.LostBytes
}

// AwaitReports has what Delivered counts wait for a Report, and not count as delivered
// before. Beyond window messages in flight nothing more of the bulk lane is dequeued; 0
// is no bound. It is called before the first message.
func (q *Queue) AwaitReports(window int) {
	q.reported, q.window = true, window
}

// Reported reports whether the consumer reports what its program has taken.
func (q *Queue) Reported() bool { return q.reported }

// Window returns how many messages of the bulk lane may be in flight; 0 is no bound.
func (q *Queue) Window() int { return q.window }

// LiftWindow has what is queued dequeued without a bound, and the queue takes as much as
// its lanes hold: it comes to its end.
func (q *Queue) LiftWindow() { q.window = 0 }

// InFlight returns how many messages of the lane were dequeued to be sent and not
// reported yet.
func (q *Queue) InFlight(ln bus.Lane) int {
	r := &q.lanes[ln].reports
	return int(r.dequeued - r.last.Consumed - r.last.Lost)
}

// Report takes a report of the lane's totals. One that is lower than the last is
// ignored. An error wraps frame.ErrBody: it says more than was sent.
func (q *Queue) Report(c frame.Credit) error {
	l := &q.lanes[c.Lane]
	r := &l.reports
	if c.Consumed < r.last.Consumed || c.ConsumedBytes < r.last.ConsumedBytes || c.Lost < r.last.Lost || c.LostBytes < r.last.LostBytes {
		return nil
	}
	// By subtraction, because a hostile peer's sums may wrap.
	if c.Consumed > r.sent || c.Lost > r.sent-c.Consumed || c.ConsumedBytes > r.sentBytes || c.LostBytes > r.sentBytes-c.ConsumedBytes {
		return fmt.Errorf("%w: credit for %d consumed and %d lost messages of subscription %d, which was sent %d", frame.ErrBody, c.Consumed, c.Lost, c.Subscription, r.sent)
	}
	l.done.Add(c.Consumed - r.last.Consumed)
	l.doneBytes.Add(c.ConsumedBytes - r.last.ConsumedBytes)
	l.dropped[frame.ReasonClient] += c.Lost - r.last.Lost
	l.droppedBytes += c.LostBytes - r.last.LostBytes
	r.last = c
	return nil
}

// EndReports settles what is in flight when no report will come any more: as delivered,
// where the client has ended the subscription, and as lost with its connection
// otherwise.
func (q *Queue) EndReports(delivered bool) {
	for i := range q.lanes {
		l := &q.lanes[i]
		r := &l.reports
		n, size := r.sent-r.last.Consumed-r.last.Lost, r.sentBytes-r.last.ConsumedBytes-r.last.LostBytes
		if delivered {
			l.done.Add(n)
			l.doneBytes.Add(size)
		} else {
			l.lost.Add(n)
			l.lostBytes.Add(size)
		}
		*r = reports{}
	}
	q.reported, q.window = false, 0
}

// outstanding returns how many messages of a lane with a window wait for the program:
// those in the lane, those that were claimed and not dequeued yet, and those in flight.
func (q *Queue) outstanding(ln bus.Lane) int {
	l := &q.lanes[ln]
	return l.len() + len(l.remaining) + q.InFlight(ln)
}

// makeRoom prepares a lane with a window for n more messages, so that what is queued and
// in flight stays within its capacity: it evicts the oldest that are queued, and returns
// how many were dropped and which of the n may come, from first to end. A queue of one
// holds one message beside the one in flight, because it is to keep the newest.
func (q *Queue) makeRoom(ln bus.Lane, n int, scratch *[]Item) (dropped, first, end int) {
	l := &q.lanes[ln]
	room := l.capacity - q.outstanding(ln)
	if n <= room {
		return 0, 0, n
	}
	switch q.overflow {
	case bus.DropNewest, bus.Disconnect:
		return 0, 0, max(room, 0)
	case bus.Conflate:
		return 0, 0, n // capacity counts topics: see Push
	}
	most := max(1, l.capacity-q.InFlight(ln))
	first = max(0, n-most)
	return q.dropOldest(ln, n-first-max(room, 0), scratch), first, n
}

// dropOldest is Evict for the policy of a lane with a window.
func (q *Queue) dropOldest(ln bus.Lane, n int, scratch *[]Item) (dropped int) {
	if n <= 0 {
		return 0
	}
	out := q.Evict(ln, n, frame.ReasonDropOldest, scratch)
	ReleaseItems(out)
	return len(out)
}

// SetDropReason is for a client's own queue, of policy drop-oldest: what it drops is
// announced with that reason, and shown to dropped, where not nil. It is called before
// the first message.
func (q *Queue) SetDropReason(why bus.Reason, dropped func(ln bus.Lane, items []Item)) {
	q.dropReason, q.onDrop = why, dropped
	for i := range q.lanes {
		q.lanes[i].natural = why
	}
}

// Next returns the number of the lane's next message. Producer only.
func (q *Queue) Next(ln bus.Lane) uint64 { return q.lanes[ln].seq }
