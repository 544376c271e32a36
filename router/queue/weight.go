package queue

import (
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
)

// evictStep is how many messages go at a time, at most, when memory is short.
const evictStep = 256

// Weight returns how much memory evicting the lane's messages would give back, as an
// estimate that is never below their own bytes; 0 where it has none, and nothing of its
// slots to give back. Producer only.
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

// Share returns how many of the lane's messages, by their average, keep excess
// bytes.
func (q *Queue) Share(ln bus.Lane, excess int64) int {
	l := &q.lanes[ln]
	n := excess * int64(l.len()) / max(l.weight(), 1)
	return int(min(n+1, evictStep))
}

// retainedBytes estimates how much memory the messages of a lane keep: a message keeps
// the whole buffer that it came in. A subscriber that takes one message of many
// and is slow has few bytes in its queue and may yet keep a large buffer for each
// of them. The estimate is what messages kept on average since the lane was last
// empty. Producer only.
type retainedBytes struct {
	last *buffer.Buffer // where the last message lay
	from uint64         // number of the first message that is counted
	size int64          // capacity of the buffers that they lay in
}

// notePinned counts items, which lie in one buffer, before they get their numbers.
func (l *lane) notePinned(items []Item) {
	p := &l.retained
	if len(items) == 0 {
		return
	}
	if l.len() == 0 {
		*p, l.largest = retainedBytes{from: l.seq}, 0
	}
	if items[0].Buf == p.last {
		return
	}
	p.last = items[0].Buf
	if counted := l.seq - p.from; counted > 2*uint64(l.capacity) { // what was long ago counts less and less
		p.from += counted / 2
		p.size /= 2
	}
	p.size += int64(cap(p.last.B))
}

// weight returns how much memory the lane's messages keep: their own bytes at
// least.
func (l *lane) weight() int64 {
	own := int64(l.queuedBytes())
	if counted := l.seq - l.retained.from; counted > 0 {
		return max(own, int64(float64(l.retained.size)/float64(counted)*float64(l.len())))
	}
	return own
}
