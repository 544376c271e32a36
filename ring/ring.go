package ring

import (
	"fmt"
	"math/bits"
	"sync/atomic"

	"golang.org/x/sys/cpu"
)

// Options says how large a ring may grow. Only Capacity is required.
type Options[T any] struct {
	// Capacity is the number of elements that the ring keeps, exactly as given:
	// 1000 is 1000, not 1024. It must be at least 1.
	Capacity int

	// MaxBytes bounds the sum of SizeOf over what is queued. The default, 0,
	// means no such bound.
	MaxBytes int64

	// SizeOf gives the size of one element in bytes. It is called once for each
	// element, by the producer, when the element is pushed. It is needed with
	// MaxBytes; alone it makes Bytes count.
	SizeOf func(*T) int

	// Signal is where the consumer sleeps. The default, nil, gives the ring one
	// of its own; rings that one goroutine consumes may share one.
	Signal *Signal
}

// Ring is a bounded queue that evicts its oldest element to make room for the
// newest. The package documentation says who may touch what, and why.
//
// A Ring is for one producer and one consumer goroutine; Len, Cap, Bytes, Closed
// and Stats are safe for concurrent use.
type Ring[T any] struct {
	// Immutable after New.
	capacity  uint64                     // elements, as asked for
	shift     uint                       // position >> shift is the number of its chunk
	slotMask  uint64                     // position & slotMask is its slot in that chunk
	tableMask uint64                     // chunk number & tableMask is its entry in table
	table     []atomic.Pointer[chunk[T]] // written by the producer (T), read by both
	maxBytes  int64
	sizeOf    func(*T) int
	signal    *Signal
	keepSlots bool // T holds no pointers, so slots that are done with need no clearing

	_ cpu.CacheLinePad

	// Written by the producer, read by all.
	tail   atomic.Uint64 // next position to write (W)
	closed atomic.Bool   // no push follows (C)

	_ cpu.CacheLinePad

	// Moved by both sides, by compare-and-swap only: the oldest position that is
	// not taken, in the upper 63 bits, and in bit 0 who moved it last (R). It is
	// the consuming end, as in textbooks; the kernel's circ_buf calls it tail.
	head atomic.Uint64
	// Written by the consumer, read by the producer: the chunk that the consumer
	// may be reading (P).
	pin atomic.Pointer[chunk[T]]
	// Set by the consumer that keeps losing the race for head, cleared by the
	// producer that gave way.
	ask atomic.Uint32
	// Counts that complete head: see Stats.
	lost   atomic.Uint64 // written by the consumer: evicted in all, valid while it moved head last
	popped atomic.Uint64 // written by the producer: popped in all, valid while it moved head last

	_ cpu.CacheLinePad

	producer[T]

	_ cpu.CacheLinePad

	consumer[T]

	_ cpu.CacheLinePad

	bytes bytes
}

// chunk holds the slots of 1<<shift consecutive positions.
type chunk[T any] struct {
	slots []T
	spans []span    // with SizeOf only
	next  *chunk[T] // owned by the producer: the free list
}

// New returns a ring that keeps the newest capacity elements. It panics when
// capacity is below 1.
func New[T any](capacity int) *Ring[T] {
	return NewWithOptions(Options[T]{Capacity: capacity})
}

// NewWithOptions returns a ring as o describes it. It panics when o cannot be
// fulfilled: a capacity below 1, a negative budget, a budget without SizeOf.
func NewWithOptions[T any](o Options[T]) *Ring[T] {
	return newRing(o, chunkShift(o.Capacity))
}

func newRing[T any](o Options[T], shift uint) *Ring[T] {
	switch {
	case o.Capacity < 1:
		panic(fmt.Sprintf("ring: capacity %d is below 1", o.Capacity))
	case o.MaxBytes < 0:
		panic(fmt.Sprintf("ring: byte budget %d is negative", o.MaxBytes))
	case o.MaxBytes > 0 && o.SizeOf == nil:
		panic("ring: byte budget without SizeOf")
	}
	r := &Ring[T]{
		capacity:  uint64(o.Capacity),
		shift:     shift,
		slotMask:  1<<shift - 1,
		maxBytes:  o.MaxBytes,
		sizeOf:    o.SizeOf,
		signal:    o.Signal,
		keepSlots: pointerFree[T](),
	}
	if r.signal == nil {
		r.signal = NewSignal()
	}
	entries := uint64(1) << bits.Len64(r.maxChunks()-1)
	r.table = make([]atomic.Pointer[chunk[T]], entries)
	r.tableMask = entries - 1
	r.special = r.sizeOf != nil
	return r
}

// Cap returns the capacity that the ring was made with.
func (r *Ring[T]) Cap() int { return int(r.capacity) }

// Len returns how many elements are queued. While the ring is in use it is an
// estimate between 0 and Cap.
func (r *Ring[T]) Len() int {
	h := position(r.head.Load())
	return int(min(r.tail.Load()-h, r.capacity))
}
