package queue

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// makeRoomInWindow prepares a lane with a window for n more messages, so that the messages that
// are queued and in flight stay within its capacity. It evicts the oldest that are
// queued. It returns how many were dropped, and which of the n may be pushed: those from
// first to end. A queue of capacity 1 holds one message beside the one in flight,
// because it must keep the newest.
func (q *Queue) makeRoomInWindow(ln bus.Lane, n int, scratch *[]Item) (dropped, first, end int) {
	l := &q.lanes[ln]
	room := l.capacity - q.outstanding(ln)
	if n <= room {
		return 0, 0, n
	}
	switch q.overflow {
	case bus.DropNewest, bus.Disconnect:
		return 0, 0, max(room, 0)
	case bus.Conflate:
		return 0, 0, n // capacity counts topics; Push evicts afterwards
	}
	most := max(1, l.capacity-q.InFlight(ln))
	first = max(0, n-most)
	return q.dropOldest(ln, n-first-max(room, 0), scratch), first, n
}

// dropOldest evicts and releases n messages of a lane with a window.
func (q *Queue) dropOldest(ln bus.Lane, n int, scratch *[]Item) (dropped int) {
	if n <= 0 {
		return 0
	}
	out := q.Evict(ln, n, frame.ReasonDropOldest, scratch)
	ReleaseItems(out)
	return len(out)
}
