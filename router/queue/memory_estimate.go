package queue

import (
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
)

// evictStep bounds how many messages are evicted at a time when memory is short.
const evictStep = 256

// Weight estimates how much memory is given back if all messages of the lane are evicted.
// The estimate is never below the bytes of the messages. It is 0 if the lane has neither
// messages nor slots to give back. Producer only.
func (q *Queue) Weight(ln bus.Lane) int64 {
	l := &q.lanes[ln]
	n := int64(0)
	if l.len() > 0 {
		n = l.weight()
	}
	if q.signal == nil || l.conflated != nil && len(l.conflated.slots) > 0 {
		n += l.charge.Bytes()
	}
	return n
}

// Share estimates how many of the lane's messages must be evicted to give back excess
// bytes, from the average memory of a message.
func (q *Queue) Share(ln bus.Lane, excess int64) int {
	l := &q.lanes[ln]
	weight := max(l.weight(), 1)
	n := (excess*int64(l.len()) + weight - 1) / weight
	return int(min(max(n, 1), evictStep))
}

// bufferEstimate estimates how much memory the messages of a lane keep. A message keeps
// the whole buffer that it arrived in. If a slow subscriber matches one message of many,
// its queue has few bytes but may keep a large buffer for each of them. The estimate is
// the average memory that a message kept since the lane was last empty. Producer only.
type bufferEstimate struct {
	last *buffer.Buffer // of the last message
	from uint64         // number of the first message that is counted
	size int64          // capacity of the buffers of the counted messages
}

// countBuffers counts the buffer of items, which all lie in one. It is called before the
// items are numbered.
func (l *lane) countBuffers(items []Item) {
	p := &l.buffers
	if len(items) == 0 {
		return
	}
	if l.len() == 0 {
		*p, l.largestMessage = bufferEstimate{from: l.seq}, 0
	}
	if items[0].Buf == p.last {
		return
	}
	p.last = items[0].Buf
	if counted := l.seq - p.from; counted > 2*uint64(l.capacity) { // older messages count less and less
		p.from += counted / 2
		p.size /= 2
	}
	p.size += int64(cap(p.last.B))
}

// weight estimates how much memory the lane's messages keep. It is at least their own
// bytes.
func (l *lane) weight() int64 {
	own := int64(l.queuedBytes())
	if counted := l.seq - l.buffers.from; counted > 0 {
		return max(own, int64(float64(l.buffers.size)/float64(counted)*float64(l.len())))
	}
	return own
}
