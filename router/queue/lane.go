package queue

import (
	"sync/atomic"

	"github.com/daemoneye/eventbus/ring"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
)

// lane is one of the queue's two lanes: a ring, or with the conflate policy a set of
// topics. It has neither until the first message is pushed, unless the queue is eager.
type lane struct {
	capacity  int
	ring      *ring.Ring[Item]
	conflated *conflated

	// written by the producer
	charge       charge.Charge // for the lane's memory beside its messages
	chargedSlots int           // how many messages the charge covers slots for
	seqAtTrim    uint64        // seq at the last TrimIdle
	seq, pos     uint64        // of the next message: matched messages and their bytes
	dropped      [reasonCount]uint64
	droppedBytes uint64
	// routed to another subscription, which counts them as matched; not matched here
	handedOver, handedOverBytes uint64
	replacedBytes               uint64 // how much longer messages got when they were replaced
	buffers                     bufferEstimate
	largestMessage              uint32   // since the lane was last seen empty
	reports                     *reports // nil until the first message is dequeued
	laneLoss                    loss     // of a conflating lane: all losses that no slot counts

	// written by the producer, read by the consumer
	lostUpTo     seqlock       // seq and pos behind the last message refused or evicted
	unknown      seqlock       // seq of the last loss of unknown size, and its Reason
	policyReason bus.Reason    // for losses that the overflow policy makes; constant
	conflates    bool          // constant
	reasons      atomic.Uint32 // bits 1<<Reason of losses since the last gap; the consumer clears it

	// written by the consumer
	expectedSeq, expectedPos uint64 // of the next message if nothing is lost
	remaining                []Item // of the last claim: those behind a hole, or beyond max
	unknownVersion           uint64 // version of unknown that was announced
	announcedLoss            loss   // how much of laneLoss was announced
	delivered                atomic.Uint64
	deliveredBytes           atomic.Uint64
	lost                     atomic.Uint64 // dequeued, but the connection ended before delivery
	lostBytes                atomic.Uint64
}

// loss counts lost messages and their bytes.
type loss struct{ count, bytes uint64 }
