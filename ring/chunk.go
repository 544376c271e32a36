package ring

import (
	"math/bits"
	"reflect"
)

// chunk holds the slots of consecutive positions. Once a chunk exists its header
// is only read: both sides have it in their caches all the time.
type chunk[T any] struct {
	slots []T
	spans []span // one a slot, in a ring that counts bytes
}

const (
	minSlots   = 8    // the price of entering a chunk is spread over 8 pushes at least,
	maxSlots   = 64   // over 64 in a ring that is large enough,
	chunkBytes = 1024 // and over more where elements are tiny
	lineBytes  = 64   // of a cache line
)

// chunkShift chooses the chunk size: at most half the capacity, so that a ring of 16
// elements does not take the memory of 200.
func chunkShift(capacity, elementBytes int) uint {
	largest := max(maxSlots, chunkBytes/max(elementBytes, 1))
	slots := max(min(capacity/2, largest), minSlots)
	return uint(bits.Len(uint(slots)) - 1)
}

// maxChunks is how many chunks there can ever be: those that hold what is queued
// when the next one is entered, that next one, and the one that is pinned.
func (r *Ring[T]) maxChunks() uint64 {
	return (r.capacity-1+r.slotMask)>>r.shift + 2
}

// enter gives position t, the first of its chunk number, a chunk to live in.
func (r *Ring[T]) enter(t uint64) {
	if len(r.free) == 0 {
		r.reclaim()
	}
	last := len(r.free) - 1
	c := r.free[last]
	r.free = r.free[:last]
	if r.stride > 1 {
		c.touch(r.stride)
	}
	r.filling = c
	r.table[t>>r.shift&r.tableMask].Store(c) // T
}

// touch writes to each cache line of the slots, all of which the consumer used last.
// One by one, with an atomic store between them as pushes have it, each line would
// cost the time of a transfer; at once they cost little more than one. enter does
// without where each element has a line of its own, or more: touching would then be as
// much work as the pushes themselves, and they take 1.5 times as long with it.
func (c *chunk[T]) touch(stride int) {
	var zero T
	for i := 0; i < len(c.slots); i += stride {
		c.slots[i] = zero
	}
}

// reclaimBatch is how many chunks reclaim looks at. Two would do, for at most one
// of them is pinned; more spread the price of its loads over several chunks.
const reclaimBatch = 8

// reclaim finds chunks that head has passed and nobody reads, or makes one.
//
// Both facts come from one look at head (R). The consumer's last claim up to then may
// still be in use, so its chunk is left alone; earlier claims were over before that one,
// and later ones lie ahead of head.
func (r *Ring[T]) reclaim() {
	w := r.head.Load() // R
	passed, pinned := position(w)>>r.shift, r.lastClaim(w)
	if r.held != nil && r.heldNumber != pinned {
		r.free = append(r.free, r.held)
		r.held = nil
	}
	for range reclaimBatch {
		if r.oldest == passed {
			break
		}
		c := r.table[r.oldest&r.tableMask].Load()
		if r.oldest == pinned {
			r.held, r.heldNumber = c, pinned
		} else {
			r.free = append(r.free, c)
		}
		r.oldest++
	}
	if len(r.free) == 0 {
		r.free = append(r.free, r.newChunk())
	}
}

// lastClaim returns the number of the chunk in which the consumer made its last claim
// before head became w. Before the first claim that is a number that no chunk has.
func (r *Ring[T]) lastClaim(w uint64) uint64 {
	if mover(w) == byConsumer {
		return (position(w) - 1) >> r.shift
	}
	return r.pinned
}

func (r *Ring[T]) newChunk() *chunk[T] {
	c := &chunk[T]{slots: make([]T, r.slotMask+1)}
	if r.sizeOf != nil {
		c.spans = make([]span, r.slotMask+1)
	}
	return c
}

// chunkOf returns the chunk that position pos lives in. For the producer it is
// right while pos is queued or its own.
func (r *Ring[T]) chunkOf(pos uint64) *chunk[T] {
	return r.table[pos>>r.shift&r.tableMask].Load()
}

// clearSlots drops the references that slots hold.
func (r *Ring[T]) clearSlots(slots []T) {
	if r.clearing {
		clear(slots)
	}
}

// hasPointers reports whether a value of type t can keep something else alive.
func hasPointers(t reflect.Type) bool {
	switch k := t.Kind(); k {
	case reflect.Array:
		return t.Len() > 0 && hasPointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	default:
		return k < reflect.Bool || k > reflect.Complex128
	}
}
