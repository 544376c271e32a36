package ring

import (
	"reflect"
	"unsafe"
)

// NewChunked returns a ring with chunks of 1<<shift slots, so that tests can cross
// chunk borders more often than the chosen size allows.
func NewChunked[T any](o Options[T], shift uint) *Ring[T] { return newRing(o, shift) }

// Chunks returns how many chunks the ring has made. The producer has to rest.
func (r *Ring[T]) Chunks() int {
	made := make(map[*chunk[T]]bool)
	for i := range r.table {
		made[r.table[i].Load()] = true
	}
	for _, c := range r.free {
		made[c] = true
	}
	made[r.held] = true
	delete(made, nil)
	return len(made)
}

// MaxChunks is the bound that the package documentation derives.
func (r *Ring[T]) MaxChunks() int { return int(r.maxChunks()) }

// SlotsHeld returns how many slots hold something other than the zero value, by the
// judgement of isZero. Both sides have to rest.
func (r *Ring[T]) SlotsHeld(isZero func(T) bool) int {
	seen := make(map[*chunk[T]]bool)
	held := 0
	count := func(c *chunk[T]) {
		if c == nil || seen[c] {
			return
		}
		seen[c] = true
		for _, v := range c.slots {
			if !isZero(v) {
				held++
			}
		}
	}
	for i := range r.table {
		count(r.table[i].Load())
	}
	for _, c := range r.free {
		count(c)
	}
	count(r.held)
	return held
}

// Cursors returns tail and then head, without the bounds that Len sets: what lies
// between them was queued when head was read, all of it.
func (r *Ring[T]) Cursors() (tail, head uint64) {
	tail = r.tail.Load()
	return tail, position(r.head.Load())
}

// Asleep reports whether a consumer has announced that it sleeps.
func (s *Signal) Asleep() bool { return s.asleep.Load() }

// Signal returns the signal of the ring.
func (r *Ring[T]) Signal() *Signal { return r.signal }

// HasPointers reports what New found out about T.
func HasPointers[T any]() bool { return hasPointers(reflect.TypeFor[T]()) }

// LineBytes is the size of a cache line that the layout of a Ring assumes.
const LineBytes = lineBytes

// Lines returns the addresses of fields that different goroutines write: the first that
// the producer writes for all to read, the first and the last around head, the
// consumer's own, the producer's own.
func (r *Ring[T]) Lines() (tail, head, popped, taken, next uintptr) {
	address := func(p unsafe.Pointer) uintptr { return uintptr(p) }
	return address(unsafe.Pointer(&r.tail)), address(unsafe.Pointer(&r.head)),
		address(unsafe.Pointer(&r.popped)), address(unsafe.Pointer(&r.taken)), address(unsafe.Pointer(&r.next))
}
