package queue

import "github.com/daemoneye/eventbus/router/bus"

// TakeBack removes the messages that wait in a lane, so that they can be routed to
// another subscription, and appends them to dst with their references. The caller must
// count each with CountHandedOver or Lost. Messages that the consumer has claimed stay
// with it, unless consumerToo means that the caller is also the consumer. A conflating
// lane gives nothing back. Producer only.
func (q *Queue) TakeBack(ln bus.Lane, dst []Item, consumerToo bool) []Item {
	l := &q.lanes[ln]
	if l.ring == nil {
		return dst
	}
	if consumerToo {
		dst = append(dst, l.remaining...)
		l.remaining = nil
	}
	dst = l.ring.Evict(l.ring.Len(), dst)
	return dst
}

// CountHandedOver counts n messages, of size bytes together, that were routed to another
// subscription. They no longer count as matched here. Producer only.
func (q *Queue) CountHandedOver(ln bus.Lane, n int, size uint64) {
	q.lanes[ln].handedOver += uint64(n)
	q.lanes[ln].handedOverBytes += size
}
