package ring

import (
	"math/bits"
	"reflect"
)

const (
	minShift = 3 // chunks of 8: small rings stay small
	maxShift = 6 // chunks of 64: the price of a new chunk is spread over 64 pushes
)

// chunkShift chooses the chunk size for a capacity: about half of it, so that a
// ring never holds more than twice its capacity in slots, within bounds.
func chunkShift(capacity int) uint {
	s := uint(max(bits.Len(uint(capacity)), 2) - 2)
	return min(max(s, minShift), maxShift)
}

// maxChunks is how many chunks there can ever be: those that hold what is queued
// when a new one is entered, the new one, and the one that is pinned.
func (r *Ring[T]) maxChunks() uint64 {
	return (r.capacity-1+r.slotMask)>>r.shift + 2
}

func (r *Ring[T]) newChunk() *chunk[T] {
	c := &chunk[T]{slots: make([]T, r.slotMask+1)}
	if r.sizeOf != nil {
		c.spans = make([]span, r.slotMask+1)
	}
	return c
}

// enter gives position t, the first of its chunk number, a chunk to live in.
func (r *Ring[T]) enter(t uint64) {
	if r.free == nil {
		r.reclaim()
	}
	c := r.free
	if c != nil {
		r.free, c.next = c.next, nil
	} else {
		c = r.newChunk()
	}
	r.filling = c
	r.slots = c.slots
	r.table[t>>r.shift&r.tableMask].Store(c) // T
}

// reclaim moves chunks that head has passed to the free list. The order of its
// two loads is what makes reuse safe: head (R) first, then the pin (P). If head
// has passed a chunk in which the consumer made a claim, then the pin that came
// before that claim is seen, or a later one, and then the claim is over.
func (r *Ring[T]) reclaim() {
	passed := position(r.head.Load()) >> r.shift // R
	pinned := r.pin.Load()                       // P
	if r.held != nil && r.held != pinned {
		r.held.next, r.free, r.held = r.free, r.held, nil
	}
	// Two are enough to find a free one if there is one; a few more spread the
	// price of the two loads over several chunks.
	for n := 0; n < 8 && r.oldest < passed; n++ {
		c := r.table[r.oldest&r.tableMask].Load()
		r.oldest++
		if c == pinned {
			r.held = c
		} else {
			c.next, r.free = r.free, c
		}
	}
}

// pointerFree reports whether the garbage collector finds nothing in a T.
func pointerFree[T any]() bool { return noPointers(reflect.TypeFor[T]()) }

func noPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return t.Len() == 0 || noPointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !noPointers(t.Field(i).Type) {
				return false
			}
		}
		return true
	default:
		return t.Kind() >= reflect.Bool && t.Kind() <= reflect.Complex128 && t.Kind() != reflect.Uintptr ||
			t.Kind() == reflect.Uintptr
	}
}
