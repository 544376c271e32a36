package queue

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// A publisher may want to know when all that waits in a queue has been taken. The
// producer remembers Matched of that moment, and compares Settled with it later. That is
// exact as long as nothing is lost, because the consumer takes messages in their order.
// Where something is lost, the messages that are still waited for may not be those that
// were there, but Settled shows the loss.

// Matched returns how many messages the lane has been given in all, without those that
// were handed over. Producer only.
func (q *Queue) Matched(ln bus.Lane) uint64 {
	l := &q.lanes[ln]
	return l.seq - l.handedOver
}

// Settled returns how many of them were delivered or dropped, and how many of those were
// dropped against the will of the subscription: it asked for conflating, and for a replay
// that reaches no further back. What is lost with a connection is not settled, because the
// subscription ends then. Producer only.
func (q *Queue) Settled(ln bus.Lane) (settled, lost uint64) {
	l := &q.lanes[ln]
	settled = l.delivered.Load()
	for r, n := range l.dropped {
		settled += n
		if why := bus.Reason(r); why != frame.ReasonConflated && why != frame.ReasonReplay {
			lost += n
		}
	}
	return settled, lost
}

// WatchSettled has *notify called each time after the consumer or a report has counted
// messages; nil ends that. The function must return soon. Look at Settled after the call:
// what was counted before it is not notified. A queue that no publisher waits for pays one
// load for each batch. Producer only.
func (q *Queue) WatchSettled(notify *func()) { q.onSettled.Store(notify) }

// noteSettled is called when messages have been counted.
func (q *Queue) noteSettled() {
	if notify := q.onSettled.Load(); notify != nil {
		(*notify)()
	}
}

// ReportedTotal returns how many messages of the lane the client has reported as consumed
// or lost since the subscription began.
func (q *Queue) ReportedTotal(ln bus.Lane) uint64 {
	r := q.lanes[ln].reports
	if r == nil {
		return 0
	}
	return r.settled()
}
