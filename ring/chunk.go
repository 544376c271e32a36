package ring

import (
	"math"
	"math/bits"
	"reflect"
)

// chunk holds the slots of consecutive positions. Once a chunk exists its header
// is only read, so both sides keep it in their caches.
type chunk[T any] struct {
	slots []T
	spans []span // one a slot, in a ring that counts bytes
}

const (
	minSlots   = 8    // a chunk has at least 8 slots, which share the cost of starting it,
	maxSlots   = 64   // 64 in a ring that is large enough,
	chunkBytes = 1024 // and more where elements are tiny
)

// chunkShift chooses the chunk size: at most half the capacity, so that a ring of 16
// elements does not take the memory of 200.
func chunkShift(capacity, elementBytes int) uint {
	largest := max(maxSlots, chunkBytes/elementBytes)
	slots := max(min(capacity/2, largest), minSlots)
	slots = min(slots, math.MaxInt/elementBytes) // a chunk has to be addressable
	return uint(bits.Len(uint(slots)) - 1)
}

// maxChunks is how many chunks there can ever be: those that hold the queued elements
// when the next chunk is started, that next one, and the pinned one.
func (s *shared[T]) maxChunks() uint64 {
	return (s.capacity-1+s.slotMask)>>s.shift + 2
}

func (s *shared[T]) newChunk() *chunk[T] {
	c := &chunk[T]{slots: make([]T, s.slotMask+1)}
	if s.sizeOf != nil {
		c.spans = make([]span, s.slotMask+1)
	}
	return c
}

// chunkOf returns the chunk that position pos lives in. For the producer it is
// right while pos is queued or its own.
func (s *shared[T]) chunkOf(pos uint64) *chunk[T] {
	return s.table[pos>>s.shift&s.tableMask].Load()
}

// startChunk gives position t, the first of its chunk number, a chunk to live in.
func (p *Producer[T]) startChunk(t uint64) {
	if len(p.free) == 0 {
		p.reclaim()
	}
	last := len(p.free) - 1
	c := p.free[last]
	p.free = p.free[:last]
	if p.stride > 1 {
		c.touch(p.stride)
	}
	p.filling = c.slots
	p.table[t>>p.shift&p.tableMask].Store(c) // T
}

// touch writes to each cache line of the slots, all of which the consumer used last.
// Pushes have an atomic store between their writes, so each line would cost them the
// time of a transfer. Together the transfers cost little more than one: without touch
// elements one by one take 1.7 times as long (BenchmarkStream). Where an element has a
// line of its own, or more, touch would be as much work as the pushes, and they take
// 1.5 times as long with it; startChunk does without it there.
func (c *chunk[T]) touch(stride int) {
	var zero T
	for i := 0; i < len(c.slots); i += stride {
		c.slots[i] = zero
	}
}

// reclaimBatch is how many chunks reclaim checks. Two would do, because at most one
// of them is pinned; with more, several chunks share the cost of the loads.
const reclaimBatch = 8

// reclaim finds chunks that head has passed and the consumer does not read, or makes
// one.
//
// Both facts come from one load of head (R). The consumer's last claim until then may
// still be in use, so its chunk is left alone; earlier claims were over before that one,
// and later ones lie ahead of head.
func (p *Producer[T]) reclaim() {
	w := p.head.Load() // R
	passed, pinned := position(w)>>p.shift, p.lastClaim(w)
	if p.held != nil && p.heldNumber != pinned {
		p.free = append(p.free, p.held)
		p.held = nil
	}
	for range reclaimBatch {
		if p.oldest == passed {
			break
		}
		c := p.table[p.oldest&p.tableMask].Load()
		if p.oldest == pinned {
			p.held, p.heldNumber = c, pinned
		} else {
			p.free = append(p.free, c)
		}
		p.oldest++
	}
	if len(p.free) == 0 {
		p.free = append(p.free, p.newChunk())
	}
}

// lastClaim returns the number of the chunk in which the consumer made its last claim
// before head became w. Before the first claim that is a number that no chunk has.
func (p *Producer[T]) lastClaim(w uint64) uint64 {
	if mover(w) == byConsumer {
		return (position(w) - 1) >> p.shift
	}
	return p.pinned
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
