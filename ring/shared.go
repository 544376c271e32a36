package ring

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/cpu"
)

const (
	// lineBytes is the size of a cache line, or a multiple of it.
	lineBytes = max(64, unsafe.Sizeof(cpu.CacheLinePad{}))
	// cellBytes keeps apart what different goroutines write. Processors fetch
	// lines in pairs.
	cellBytes = 2 * lineBytes
)

// shared is what both sides of a ring use.
type shared[T any] struct {
	pushed
	_ [cellBytes - unsafe.Sizeof(pushed{})]byte

	claimed
	_ [cellBytes - unsafe.Sizeof(claimed{})]byte

	setup[T]
	_ [cellBytes - unsafe.Sizeof(setup[int]{})]byte
}

// setup is what New makes.
type setup[T any] struct {
	// Written by the producer, read by both: which chunk has which number (T).
	table []atomic.Pointer[chunk[T]]

	// Immutable after New.
	capacity  uint64 // elements, as asked for
	shift     uint   // position >> shift is the number of its chunk
	slotMask  uint64 // position & slotMask is its slot there
	tableMask uint64 // chunk number & tableMask is its entry in the table
	maxBytes  uint64 // the byte budget, or 0
	maxSize   uint64 // the most that one element counts for
	sizeOf    func(*T) int
	signal    *Signal
	stride    int  // slots to a cache line, at least 1
	clearing  bool // T holds pointers, so slots are cleared after use
}

// pushed is written by the producer and read by all.
type pushed struct {
	tail    atomic.Uint64 // the next position to write (W)
	closed  atomic.Bool   // nothing more will be pushed (C)
	refused atomic.Uint64 // elements that were handed back without a position
	// Positions in the stream of bytes; see span.
	bytesPushed  atomic.Uint64 // the end of the newest element
	bytesEvicted atomic.Uint64 // the end of the last element that was evicted
	largest      atomic.Uint64 // the size of the largest element
}

// claimed is what a claim writes. The producer writes it only when it evicts.
type claimed struct {
	// head is the oldest position that neither side took (R). Both sides move it,
	// by compare-and-swap. It is the consuming end, as in textbooks; the kernel's
	// circ_buf and Go's poolqueue name the ends the other way round.
	head atomic.Uint64 // a head word
	// wantsTurn is set by a consumer that keeps losing the race for head. The
	// producer clears it when it has given way.
	wantsTurn atomic.Bool
	// What the head word alone does not show; see Stats.
	lost       atomic.Uint64 // written by the consumer: evictions up to its last claim
	bytesTaken atomic.Uint64 // written by the consumer: the end of the last element that it claimed
	popped     atomic.Uint64 // written by the producer: elements popped before its last eviction
}

// Cap returns the capacity that the ring was made with.
func (s *shared[T]) Cap() int { return int(s.capacity) }

// Len returns how many elements are queued. While the ring is in use it is an
// estimate between 0 and Cap.
func (s *shared[T]) Len() int {
	h := position(s.head.Load())
	return int(min(s.tail.Load()-h, s.capacity))
}

// Closed reports whether Close was called. Elements may still be queued.
func (s *shared[T]) Closed() bool { return s.closed.Load() }

// empty reports whether nothing is queued.
func (s *shared[T]) empty() bool {
	h := position(s.head.Load())
	return s.tail.Load() == h
}

// clearSlots drops the references that slots hold.
func (s *shared[T]) clearSlots(slots []T) {
	if s.clearing {
		clear(slots)
	}
}
