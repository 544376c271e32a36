package queue

import "github.com/daemoneye/eventbus/frame"

// Counts are a queue's counters at one moment. Matched = Delivered + Dropped +
// Queued + Taken holds whenever neither producer nor consumer is inside a call.
type Counts struct {
	Matched, Delivered, Dropped uint64
	// HandedOver counts messages that were queued here and then routed to another
	// subscription. That one counts them as matched; Matched here does not.
	HandedOver uint64
	// Queued counts the messages in the lanes. Taken counts those that the consumer
	// has dequeued and has counted neither as delivered nor as lost yet.
	Queued, Taken int
	// Bytes of frames. QueuedBytes is of Queued and Taken together.
	DeliveredBytes, DroppedBytes, QueuedBytes uint64
	// ByReason splits Dropped.
	ByReason [reasonCount]uint64
}

// Count adds up both lanes. The producer must call it; the consumer may work
// meanwhile.
func (q *Queue) Count() Counts {
	var c Counts
	for i := range q.lanes {
		l := &q.lanes[i]
		// The consumer's counters are read first, because Taken is derived from them.
		delivered, lost := l.delivered.Load(), l.lost.Load()
		deliveredBytes, lostBytes := l.deliveredBytes.Load(), l.lostBytes.Load()
		c.Matched += l.seq - l.handedOver
		c.HandedOver += l.handedOver
		c.Delivered += delivered
		var dropped uint64
		for r, n := range l.dropped {
			c.ByReason[r] += n
			dropped += n
		}
		dropped += lost
		c.ByReason[frame.ReasonConnection] += lost
		c.Dropped += dropped
		queued := l.len()
		c.Queued += queued
		c.Taken += int(l.seq-l.handedOver-delivered-dropped) - queued
		c.DeliveredBytes += deliveredBytes
		c.DroppedBytes += l.droppedBytes + lostBytes
		c.QueuedBytes += l.pos + l.replacedBytes - l.handedOverBytes - l.droppedBytes - deliveredBytes - lostBytes
	}
	return c
}

func (l *lane) len() int {
	switch {
	case l.ring != nil:
		return l.ring.Len()
	case l.conflated != nil:
		return l.conflated.len()
	}
	return 0
}

// queuedBytes are the bytes of messages that are neither delivered nor dropped. A
// message that was replaced in its topic's slot counts as dropped.
func (l *lane) queuedBytes() uint64 {
	return l.pos + l.replacedBytes - l.handedOverBytes - l.droppedBytes - l.deliveredBytes.Load() - l.lostBytes.Load() - l.reports.inFlightBytes()
}
