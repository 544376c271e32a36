package ring

import (
	"fmt"
	"math"
	"reflect"
	"sync/atomic"
	"unsafe"
)

// maxCapacity is the largest capacity. A larger one is taken for a mistake: the table
// alone of a ring of that capacity has a gigabyte.
const maxCapacity = 1 << 32

// Options describe how large a ring may grow. Only Capacity is required.
type Options[T any] struct {
	// Capacity is the number of elements that the ring keeps, exactly as given:
	// 1000 is 1000, not 1024. It must be at least 1 and at most 1<<32, and all of
	// its elements together must not have more than math.MaxInt bytes, which is
	// the tighter bound on 32-bit machines.
	//
	// The ring makes slots when it needs them, but it makes a table of all chunks
	// at once: a pointer for each 64 elements, rounded up to a power of two. So a
	// ring that only MaxBytes is to bound still needs a reasonable capacity.
	Capacity int

	// MaxBytes bounds the sum of SizeOf over the queued elements. The default, 0,
	// means no such bound.
	MaxBytes int64

	// SizeOf returns the size of one element in bytes; a negative size counts as
	// 0. The producer calls it once for each element that it pushes. MaxBytes
	// needs SizeOf. Without MaxBytes, SizeOf makes Bytes count, and one element
	// counts for at most math.MaxInt64 / Capacity bytes. The default, nil, counts
	// nothing.
	SizeOf func(*T) int

	// Signal is where the consumer sleeps. The default, nil, gives the ring a
	// Signal of its own. Rings that one goroutine consumes can share one.
	Signal *Signal
}

// Ring is a bounded queue that evicts its oldest element to make room for the
// newest. It is a Producer and a Consumer in one, and has the methods of both:
//
//	Push PushBatch Offer OfferBatch Evict Close          of the producer
//	Pop PopBatch Claim Release Batches Wait              of the consumer
//	Len Cap Bytes Closed Stats                           of all three
//
// Code that plays one role only is best given that role, from Producer or Consumer:
// then the compiler refuses a call that belongs to the other side.
//
// New and NewWithOptions make a Ring. The zero Ring is not usable: whatever pushes,
// takes, waits, evicts or closes panics.
//
// A Ring is for one producer goroutine and one consumer goroutine. Len, Cap, Bytes,
// Closed and Stats are safe for concurrent use.
type Ring[T any] struct {
	shared[T]
	consumer[T]
	_ [cellBytes - unsafe.Sizeof(Consumer[int]{})]byte
	producer[T]
}

// The two roles are embedded under these names. So the ring has their methods, and code
// outside cannot copy a role by mistake.
type (
	producer[T any] = Producer[T]
	consumer[T any] = Consumer[T]
)

// New returns a ring that keeps the newest capacity elements. It panics where
// NewWithOptions does.
func New[T any](capacity int) *Ring[T] {
	return NewWithOptions(Options[T]{Capacity: capacity})
}

// NewWithOptions returns a ring as o describes it. It panics when o makes no
// sense: a capacity out of its bounds, a negative byte budget, a budget without
// SizeOf, a zero Signal.
func NewWithOptions[T any](o Options[T]) *Ring[T] {
	return newRing(o, chunkShift(o.Capacity, elementSize[T]()))
}

// newRing returns a ring with chunks of 1<<shift slots.
func newRing[T any](o Options[T], shift uint) *Ring[T] {
	o.check()
	r := new(Ring[T])
	r.setup = setup[T]{
		capacity: uint64(o.Capacity),
		shift:    shift,
		slotMask: 1<<shift - 1,
		maxBytes: uint64(o.MaxBytes),
		maxSize:  math.MaxInt64 / uint64(o.Capacity),
		sizeOf:   o.SizeOf,
		signal:   o.Signal,
		stride:   max(int(lineBytes)/elementSize[T](), 1),
		clearing: hasPointers(reflect.TypeFor[T]()),
	}
	if r.signal == nil {
		r.signal = NewSignal()
	}
	if o.MaxBytes > 0 {
		r.maxSize = math.MaxInt64
	}
	r.table = make([]atomic.Pointer[chunk[T]], r.tableEntries())
	r.tableMask = r.tableEntries() - 1
	r.consumer.shared, r.producer.shared = &r.shared, &r.shared
	r.free = r.freeList[:0]
	r.plain = o.SizeOf == nil
	return r
}

// check panics where o makes no sense.
func (o *Options[T]) check() {
	largest := min(maxCapacity, uint64(math.MaxInt/elementSize[T]()))
	switch {
	case o.Capacity < 1:
		panic(fmt.Sprintf("ring: capacity %d is below 1", o.Capacity))
	case uint64(o.Capacity) > largest:
		panic(fmt.Sprintf("ring: capacity %d is above %d", o.Capacity, largest))
	case o.MaxBytes < 0:
		panic(fmt.Sprintf("ring: byte budget %d is negative", o.MaxBytes))
	case o.MaxBytes > 0 && o.SizeOf == nil:
		panic("ring: byte budget without SizeOf")
	case o.Signal != nil && o.Signal.wake == nil:
		panic("ring: Signal that can wake nobody: NewSignal and NewSignalFunc make them")
	}
}

// elementSize returns the size of a T in bytes, and 1 for a T of no size.
func elementSize[T any]() int { return max(int(reflect.TypeFor[T]().Size()), 1) }

// Producer returns the ring as its producer sees it.
func (r *Ring[T]) Producer() *Producer[T] {
	r.producer.mustBeMade()
	return &r.producer
}

// Consumer returns the ring as its consumer sees it.
func (r *Ring[T]) Consumer() *Consumer[T] {
	r.consumer.mustBeMade()
	return &r.consumer
}

// mustBeMade panics when s is of a Ring, Producer or Consumer that no ring was made
// for.
func (s *shared[T]) mustBeMade() {
	if s == nil {
		panic("ring: used without New: ring.New and ring.NewWithOptions make rings")
	}
}
