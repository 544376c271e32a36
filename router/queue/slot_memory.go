package queue

import (
	"unsafe"

	"github.com/daemoneye/eventbus/ring"
	"github.com/daemoneye/eventbus/router/bus"
)

// A lane uses memory beside the buffers of its messages: the slots of its ring, or, if it
// conflates, a slot for each topic. That memory is charged before it is allocated.

// Admit charges the memory that the lane needs for one Push of items, which have one
// topic. It returns 0 if the charge was possible, and otherwise how many bytes are
// missing. Producer only.
func (q *Queue) Admit(ln bus.Lane, items []Item) (short int64) {
	l := &q.lanes[ln]
	switch {
	case l.conflates:
		return q.admitTopic(l, items[0].Frame().Topic())
	case l.chargedSlots == l.capacity: // true from the time when the lane was full
		return 0
	}
	if n := min(l.len()+len(items), l.capacity); n > l.chargedSlots {
		return l.chargeSlots(n)
	}
	return 0
}

// ForceAdmit charges the memory that the lane needs for one Push of items, even beyond
// the limits. The lane must not conflate.
func (q *Queue) ForceAdmit(ln bus.Lane, items []Item) {
	l := &q.lanes[ln]
	l.chargedSlots = max(l.chargedSlots, min(l.len()+len(items), l.capacity))
	l.charge.Force(l.slotMemory(l.chargedSlots))
}

// slotStep is how many slots are charged at a time.
const slotStep = 64

// chargeSlots charges slots for n messages.
func (l *lane) chargeSlots(n int) (short int64) {
	n = min((n+slotStep-1)/slotStep*slotStep, l.capacity)
	size := l.slotMemory(n)
	if !l.charge.Resize(size) {
		return size - l.charge.Bytes()
	}
	l.chargedSlots = n
	return 0
}

// slotMemory returns how much memory the lane uses with slots for n messages. For a lane that
// conflates it is what its topics use now.
func (l *lane) slotMemory(n int) int64 {
	switch {
	case l.conflated != nil:
		return conflatedBytes(l.capacity) + l.conflated.bytes()
	case l.ring != nil || n > 0:
		return ring.Footprint[Item](l.capacity, n)
	}
	return 0
}

// admitTopic charges a topic's slot and makes it.
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
	l.charge.Resize(l.slotMemory(0)) // never more than was charged above
	return 0
}

// topicBytes is the memory of map and ring for one topic. They keep it for the largest
// number of topics that they had. It was measured as the growth of the heap and rounded
// up.
const topicBytes = 80

// bytes returns the memory that the topics use.
func (c *conflated) bytes() int64 {
	const perMapEntry, perRingSlot = topicBytes - 16, 16
	return perMapEntry*int64(c.mapPeak) + perRingSlot*int64(c.maxTopics) + c.slotMemory
}

// slotBytes is the memory of a slot, its node and a topic of that length.
func slotBytes(topic int) int64 {
	const rounding = 24
	return int64(unsafe.Sizeof(slot{})+unsafe.Sizeof(node{})) + rounding + int64(topic)
}

// conflatedBytes is the memory of a conflating lane without topics: its two rings, and
// the nodes that are kept for reuse.
func conflatedBytes(capacity int) int64 {
	const own = 320 // conflated itself, and an empty map
	return own + ring.Footprint[*slot](capacity, 1) +
		ring.Footprint[*node](freeNodes, freeNodes) + freeNodes*int64(unsafe.Sizeof(node{}))
}

// trim gives back the memory of a lane's slots if they are empty.
func (q *Queue) trim(l *lane) {
	switch {
	case l.len() > 0:
	case q.signal == nil: // the ring can go, because the consumer is the same goroutine
		if len(l.remaining) == 0 {
			l.ring, l.conflated, l.chargedSlots = nil, nil, 0
			l.charge.Release()
		}
	case l.conflated != nil:
		l.conflated.forgetIdle()
		l.charge.Resize(l.slotMemory(0))
	}
}

// TrimIdle gives back the slot memory of lanes to which nothing was pushed since the last
// TrimIdle. Producer only.
func (q *Queue) TrimIdle() {
	for i := range q.lanes {
		l := &q.lanes[i]
		if l.seqAtTrim == l.seq && l.charge.Bytes() > 0 {
			q.trim(l)
		}
		l.seqAtTrim = l.seq
	}
}

// everUsed reports whether the lane ever had a message or a loss.
func (l *lane) everUsed() bool { return l.seq > 0 || l.unknown.version.Load() > 0 }
