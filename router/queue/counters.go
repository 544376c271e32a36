package queue

import "github.com/daemoneye/eventbus/frame"

// Counts is a queue's books at one moment. Matched = Delivered + Dropped +
// Queued holds whenever neither side is in the middle of a call.
type Counts struct {
	Matched, Delivered, Dropped uint64
	// HandedOver messages were queued here and went to another subscription, where they
	// are matched: not part of Matched.
	HandedOver uint64
	// Queued are the messages in the lanes; Batch those that the consumer took
	// and has neither delivered nor given up yet.
	Queued, Taken int
	// What their frames have of bytes; QueuedBytes of Queued and Batch.
	DeliveredBytes, DroppedBytes, QueuedBytes uint64
	// ByReason splits Dropped.
	ByReason [reasonCount]uint64
}

// Count adds up both lanes. It must be called by the producer, the consumer may
// go on meanwhile.
func (q *Queue) Count() Counts {
	var c Counts
	for i := range q.lanes {
		l := &q.lanes[i]
		// Read what the consumer moves before what is derived from it.
		delivered, lost := l.done.Load(), l.lost.Load()
		deliveredBytes, lostBytes := l.doneBytes.Load(), l.lostBytes.Load()
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
		c.QueuedBytes += l.pos - l.handedOverBytes - l.droppedBytes - deliveredBytes - lostBytes
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

// queuedBytes is what is neither delivered nor dropped; conflated messages were
// dropped when they were replaced.
func (l *lane) queuedBytes() uint64 {
	return l.pos - l.handedOverBytes - l.droppedBytes - l.doneBytes.Load() - l.lostBytes.Load() - l.reports.inFlightBytes()
}
