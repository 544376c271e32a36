package ring

import (
	"fmt"
	"math/bits"
	"reflect"
	"sync/atomic"

	"golang.org/x/sys/cpu"
)

// maxCapacity is where a capacity is a mistake rather than a wish: the table alone
// would take half a gigabyte.
const maxCapacity = 1 << 32

// Options says how large a ring may grow. Only Capacity is required.
type Options[T any] struct {
	// Capacity is the number of elements that the ring keeps, exactly as given:
	// 1000 is 1000, not 1024. It must be at least 1, and at most 1<<32. The slots
	// come as they are needed, but a table of all chunks is there from the
	// beginning: a pointer for each 64 elements, rounded up to a power of two. So
	// a ring that MaxBytes is to bound alone still wants a capacity within reason.
	Capacity int

	// MaxBytes bounds the sum of SizeOf over what is queued. The default, 0,
	// means no such bound.
	MaxBytes int64

	// SizeOf gives the size of one element in bytes, 0 or more. The producer
	// calls it once for each element, when that is pushed. MaxBytes needs it; on
	// its own it makes Bytes count. The default, nil, counts nothing.
	SizeOf func(*T) int

	// Signal is where the consumer sleeps. The default, nil, gives the ring one
	// of its own. Rings that one goroutine consumes can share one.
	Signal *Signal
}

// Ring is a bounded queue that evicts its oldest element to make room for the
// newest. The package documentation says which goroutine owns what, and why.
//
// A Ring is for one producer and one consumer goroutine. Len, Cap, Bytes, Closed
// and Stats are safe for concurrent use.
type Ring[T any] struct {
	// Immutable after New.
	capacity  uint64 // elements, as asked for
	shift     uint   // position >> shift is the number of its chunk
	slotMask  uint64 // position & slotMask is its slot there
	tableMask uint64 // chunk number & tableMask is its entry in the table
	maxBytes  int64
	sizeOf    func(*T) int
	signal    *Signal
	stride    int  // slots to a cache line, at least 1
	clearing  bool // T holds pointers, so slots are cleared when they are done with

	// Written by the producer, read by both: which chunk has which number (T).
	table []atomic.Pointer[chunk[T]]

	_ cpu.CacheLinePad

	// Written by the producer, read by all.
	tail    atomic.Uint64 // the next position to write (W)
	closed  atomic.Bool   // nothing more will be pushed (C)
	refused atomic.Uint64 // elements that were handed back without a position
	// Positions in the stream of bytes; see span.
	bytesPushed  atomic.Int64 // the end of the newest element
	bytesEvicted atomic.Int64 // the end of the last element that was evicted

	_ cpu.CacheLinePad

	// Moved by both sides, by compare-and-swap: the oldest position that nobody
	// took (R). This is the consuming end, as in textbooks; the kernel's
	// circ_buf and Go's poolqueue name the ends the other way round.
	head atomic.Uint64 // a head word
	// Set by a consumer that keeps losing the race for head, cleared by the
	// producer when it has given way.
	ask atomic.Bool
	// What the head word alone does not tell; see Stats.
	lost       atomic.Uint64 // written by the consumer: evictions up to its last claim
	bytesTaken atomic.Int64  // written by the consumer: the end of the last element that it claimed
	popped     atomic.Uint64 // written by the producer: elements popped before its last eviction

	_ cpu.CacheLinePad

	producer[T]

	_ cpu.CacheLinePad

	consumer[T]
}

// New returns a ring that keeps the newest capacity elements. It panics when
// capacity is below 1 or above 1<<32.
func New[T any](capacity int) *Ring[T] {
	return NewWithOptions(Options[T]{Capacity: capacity})
}

// NewWithOptions returns a ring as o describes it. It panics when o makes no
// sense: a capacity below 1 or above 1<<32, a negative byte budget, a budget without
// SizeOf, a zero Signal.
func NewWithOptions[T any](o Options[T]) *Ring[T] {
	return newRing(o, chunkShift(o.Capacity, int(reflect.TypeFor[T]().Size())))
}

func newRing[T any](o Options[T], shift uint) *Ring[T] {
	switch {
	case o.Capacity < 1:
		panic(fmt.Sprintf("ring: capacity %d is below 1", o.Capacity))
	case uint64(o.Capacity) > maxCapacity:
		panic(fmt.Sprintf("ring: capacity %d is above %d", o.Capacity, uint64(maxCapacity)))
	case o.MaxBytes < 0:
		panic(fmt.Sprintf("ring: byte budget %d is negative", o.MaxBytes))
	case o.MaxBytes > 0 && o.SizeOf == nil:
		panic("ring: byte budget without SizeOf")
	case o.Signal != nil && o.Signal.wake == nil:
		panic("ring: Signal that can wake nobody: NewSignal and NewSignalFunc make them")
	}
	element := reflect.TypeFor[T]()
	r := &Ring[T]{
		capacity: uint64(o.Capacity),
		shift:    shift,
		slotMask: 1<<shift - 1,
		maxBytes: o.MaxBytes,
		sizeOf:   o.SizeOf,
		signal:   o.Signal,
		stride:   max(lineBytes/max(int(element.Size()), 1), 1),
		clearing: hasPointers(element),
	}
	if r.signal == nil {
		r.signal = NewSignal()
	}
	r.free = r.freeList[:0]
	entries := uint64(1) << bits.Len64(r.maxChunks()-1)
	r.table = make([]atomic.Pointer[chunk[T]], entries)
	r.tableMask = entries - 1
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

// empty reports whether nothing is queued.
func (r *Ring[T]) empty() bool {
	h := position(r.head.Load())
	return r.tail.Load() == h
}
