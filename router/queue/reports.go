package queue

import (
	"fmt"
	"unsafe"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// A client behind a socket may report what its program has consumed (credit frames).
// Messages that were written to the socket and are not reported yet are in flight. They
// count as queued, and the overflow policy counts them together with those in the
// lanes. All of this is only for queues whose producer and consumer are one goroutine.

// reports is what the client has reported of a lane. A lane has none until the first
// message is dequeued, because many lanes never have one; none reads as no message.
type reports struct {
	dequeued, dequeuedBytes uint64 // by the socket's writer, written or not
	sent, sentBytes         uint64 // written to the socket, or reported
	early, earlyBytes       uint64 // of sent: reported before the write that has them was done
	// by the last report
	consumed, consumedBytes, lost, lostBytes uint64
}

// ReportBytes is the memory that a queue takes beside itself for what its client reports.
const ReportBytes = LaneCount * int64(unsafe.Sizeof(reports{}))

// settle is called when the write that has n dequeued messages, of size bytes together, has
// ended. It returns those that the client has not reported before.
func (r *reports) settle(n int, size uint64) (rest, restBytes uint64) {
	k, kBytes := min(uint64(n), r.early), min(size, r.earlyBytes)
	r.early, r.earlyBytes = r.early-k, r.earlyBytes-kBytes
	return uint64(n) - k, size - kBytes
}

// settled returns how many messages the last report covers.
func (r *reports) settled() uint64 { return r.consumed + r.lost }

// inFlight returns how many messages were dequeued and are not reported yet.
func (r *reports) inFlight() int {
	if r == nil {
		return 0
	}
	return int(r.dequeued - r.settled())
}

// reporting returns the lane's reports, and makes them if there are none.
func (l *lane) reporting() *reports {
	if l.reports == nil {
		l.reports = new(reports)
	}
	return l.reports
}

// inFlightBytes are the bytes that were sent and are not reported yet. They take no
// memory here.
func (r *reports) inFlightBytes() uint64 {
	if r == nil {
		return 0
	}
	return r.sentBytes - r.consumedBytes - r.lostBytes
}

// AwaitReports makes messages count as delivered only when a Report covers them;
// Delivered then counts them as in flight. While window messages are in flight, Dequeue
// returns none of the bulk lane; 0 is no bound. Call it before the first message.
func (q *Queue) AwaitReports(window int) {
	q.reported, q.window = true, window
}

// Reported reports whether the client reports what its program has consumed.
func (q *Queue) Reported() bool { return q.reported }

// Window returns how many messages of the bulk lane may be in flight. 0 is no bound.
func (q *Queue) Window() int { return q.window }

// LiftWindow removes the bound on messages in flight, because the queue is about to end.
// The consumer can then dequeue all, and the lanes hold as much as their capacity.
// Without a window it writes nothing, because the consumer of such a queue may be another
// goroutine.
func (q *Queue) LiftWindow() {
	if q.window > 0 {
		q.window = 0
	}
}

// InFlight returns how many messages of the lane were dequeued to be sent and not
// reported yet.
func (q *Queue) InFlight(ln bus.Lane) int {
	return q.lanes[ln].reports.inFlight()
}

// Report applies a client's report of the lane's totals. It ignores a report that is
// lower than the last. It returns an error that wraps frame.ErrBody if the report
// covers more than was dequeued. A client may report the first messages of a large write
// while the socket has not taken its last ones.
func (q *Queue) Report(c frame.Credit) error {
	l := &q.lanes[c.Lane]
	r := l.reports
	if r == nil {
		r = &reports{}
	}
	if c.Consumed < r.consumed || c.ConsumedBytes < r.consumedBytes || c.Lost < r.lost || c.LostBytes < r.lostBytes {
		return nil
	}
	// Compare by subtraction, because sums of a hostile peer's numbers may wrap.
	if c.Consumed > r.dequeued || c.Lost > r.dequeued-c.Consumed || c.ConsumedBytes > r.dequeuedBytes || c.LostBytes > r.dequeuedBytes-c.ConsumedBytes {
		return fmt.Errorf("%w: credit for %d consumed and %d lost messages of subscription %d, which was sent %d", frame.ErrBody, c.Consumed, c.Lost, c.Subscription, r.dequeued)
	}
	if n := c.Consumed + c.Lost; n > r.sent {
		r.early, r.sent = r.early+n-r.sent, n
	}
	if size := c.ConsumedBytes + c.LostBytes; size > r.sentBytes {
		r.earlyBytes, r.sentBytes = r.earlyBytes+size-r.sentBytes, size
	}
	l.delivered.Add(c.Consumed - r.consumed)
	l.deliveredBytes.Add(c.ConsumedBytes - r.consumedBytes)
	l.dropped[frame.ReasonClient] += c.Lost - r.lost
	l.droppedBytes += c.LostBytes - r.lostBytes
	r.consumed, r.consumedBytes, r.lost, r.lostBytes = c.Consumed, c.ConsumedBytes, c.Lost, c.LostBytes
	q.noteSettled()
	return nil
}

// EndReports counts what is in flight when no further report can come: as delivered if
// the client has ended the subscription, and otherwise as lost with its connection.
func (q *Queue) EndReports(delivered bool) {
	for i := range q.lanes {
		l := &q.lanes[i]
		r := l.reports
		if r == nil {
			continue
		}
		n, size := r.sent-r.settled(), r.inFlightBytes()
		if delivered {
			l.delivered.Add(n)
			l.deliveredBytes.Add(size)
		} else {
			l.lost.Add(n)
			l.lostBytes.Add(size)
		}
		l.reports = nil
	}
	q.reported, q.window = false, 0
}

// outstanding returns how many messages of a lane the program has not consumed yet:
// those in the ring, those that were claimed and not dequeued yet, and those in flight.
func (q *Queue) outstanding(ln bus.Lane) int {
	l := &q.lanes[ln]
	return l.len() + len(l.remaining) + q.InFlight(ln)
}

// SetDropReason is for a client's own queue with the policy drop-oldest. The queue
// announces what it drops with the reason why, and calls dropped, if it is not nil,
// with the messages. Call it before the first message.
func (q *Queue) SetDropReason(why bus.Reason, dropped func(ln bus.Lane, items []Item)) {
	q.dropReason, q.onDrop = why, dropped
	for i := range q.lanes {
		q.lanes[i].policyReason = why
	}
}

// Next returns the number of the lane's next message. Producer only.
func (q *Queue) Next(ln bus.Lane) uint64 { return q.lanes[ln].seq }
