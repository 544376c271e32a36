package queue

import (
	"unsafe"

	"github.com/daemoneye/eventbus/ring"
	"github.com/daemoneye/eventbus/router/bus"
)

// A lane takes memory beside the buffers of its messages: the slots of its ring, and
// where it conflates a slot for each topic. It is charged before it is taken.

// Admit charges what the lane takes for one Push of items, which have one topic. It
// returns 0 when that is done, and else how many bytes there would have to be room for.
// Producer only.
func (q *Queue) Admit(ln bus.Lane, items []Item) (short int64) {
	l := &q.lanes[ln]
	switch {
	case l.conflates:
		return q.admitTopic(l, items[0].Frame().Topic())
	case l.covered == l.capacity: // as it is when the lane was full once
		return 0
	}
	if n := min(l.len()+len(items), l.capacity); n > l.covered {
		return l.cover(n)
	}
	return 0
}

// ForceAdmit charges what the lane takes for one Push of items, whatever the limits are.
// The lane must not conflate.
func (q *Queue) ForceAdmit(ln bus.Lane, items []Item) {
	l := &q.lanes[ln]
	l.covered = max(l.covered, min(l.len()+len(items), l.capacity))
	l.charge.Force(l.slots(l.covered))
}

// slotStep is how many slots more are charged at a time.
const slotStep = 64

// cover charges slots for n messages.
func (l *lane) cover(n int) (short int64) {
	n = min((n+slotStep-1)/slotStep*slotStep, l.capacity)
	size := l.slots(n)
	if !l.charge.Resize(size) {
		return size - l.charge.Bytes()
	}
	l.covered = n
	return 0
}

// slots returns how much memory the lane takes with slots for n messages; of a lane that
// conflates what it takes without a topic.
func (l *lane) slots(n int) int64 {
	switch {
	case l.conflated != nil:
		return conflatedBytes(l.capacity) + l.conflated.bytes()
	case l.ring != nil || n > 0:
		return ring.Footprint[Item](l.capacity, n)
	}
	return 0
}

// admitTopic charges a topic's slot, and makes it.
func (q *Queue) admitTopic(l *lane, topic []byte) (short int64) {
	if l.conflated != nil {
		if l.conflated.find(topic) != nil {
			return 0
		}
		if len(l.conflated.slots) >= 4*l.capacity {
			l.conflated.forgetIdle()
		}
	}
	size := conflatedBytes(l.capacity) + topicBytes + slotBytes(len(topic))
	if l.conflated != nil {
		size += l.conflated.bytes()
	}
	if !l.charge.Resize(size) {
		return size - l.charge.Bytes()
	}
	if l.conflated == nil {
		q.open(l)
	}
	l.conflated.slot(topic)
	l.charge.Resize(l.slots(0)) // what was charged, or less
	return 0
}

// topicBytes is what the map and the ring take for each of the most topics that they
// ever had, measured as the growth of the heap and rounded up.
const topicBytes = 80

// bytes returns what the topics take.
func (c *conflated) bytes() int64 {
	const ofMap, ofRing = topicBytes - 16, 16
	return ofMap*int64(c.peak) + ofRing*int64(c.most) + c.topics
}

// slotBytes is what a slot, its node and its topic take.
func slotBytes(topic int) int64 {
	const rounding = 24
	return int64(unsafe.Sizeof(slot{})+unsafe.Sizeof(node{})) + rounding + int64(topic)
}

// conflatedBytes is what a lane that conflates takes without topics: its two rings, and
// the nodes that wait to be used again.
func conflatedBytes(capacity int) int64 {
	const own = 320 // of conflated itself, and of an empty map
	return own + ring.Footprint[*slot](capacity, 1) +
		ring.Footprint[*node](freeNodes, freeNodes) + freeNodes*int64(unsafe.Sizeof(node{}))
}

// trim gives back the memory of a lane's slots where nothing is in them.
func (q *Queue) trim(l *lane) {
	switch {
	case l.len() > 0:
	case q.signal == nil: // the same goroutine consumes, so the ring can go
		if len(l.remaining) == 0 {
			l.ring, l.conflated, l.covered = nil, nil, 0
			l.charge.Release()
		}
	case l.conflated != nil:
		l.conflated.forgetIdle()
		l.charge.Resize(l.slots(0))
	}
}

// TrimIdle gives back the memory of lanes that nothing came to since the last time.
// Producer only.
func (q *Queue) TrimIdle() {
	for i := range q.lanes {
		l := &q.lanes[i]
		if l.checked == l.seq && l.charge.Bytes() > 0 {
			q.trim(l)
		}
		l.checked = l.seq
	}
}

// used reports whether there was ever something in the lane to announce or to take.
func (l *lane) used() bool { return l.seq > 0 || l.unknown.version.Load() > 0 }
