package queue

import (
	"sync/atomic"

	"github.com/daemoneye/eventbus/ring"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
)

// lane is one of the queue's two ways: a ring, or with the conflate policy a
// set of topics. It has neither until the first message comes.
type lane struct {
	capacity  int
	ring      *ring.Ring[Item]
	conflated *conflated
	conflates bool // constant

	// written by the producer
	charge       charge.Charge // of what the lane takes beside its messages
	covered      int           // how many messages the charge has slots for
	checked      uint64        // seq when TrimIdle looked last
	seq, pos     uint64        // of the next message: matched messages and their bytes
	dropped      [reasonCount]uint64
	droppedBytes uint64
	// handed over to another subscription: not matched here any more
	handedOver, handedOverBytes uint64
	retained                    retainedBytes
	largest                     uint32 // of the messages since the lane was last seen empty
	tail                        mark   // behind the last message that was refused or evicted
	unknown                     mark   // where something was lost of unknown size, and its Reason
	reports                     reports
	outside                     loss // lost outside of slots, in all, where the lane conflates

	// written by the producer, taken by the consumer
	natural bus.Reason    // of the losses that the policy makes; constant
	reasons atomic.Uint32 // bits 1<<Reason of what was dropped since the last gap

	// written by the consumer
	expSeq, expPos uint64 // what the next message's seq and pos are without loss
	remaining      []Item // of the last claim, beyond a hole
	unknownSeen    uint64 // version of unknown that was announced
	announced      loss   // how much of outside was announced
	single         [1]Item
	done           atomic.Uint64 // delivered messages
	doneBytes      atomic.Uint64
	lost           atomic.Uint64 // taken but never delivered: their connection died
	lostBytes      atomic.Uint64
}

// loss is messages and their bytes.
type loss struct{ count, bytes uint64 }
