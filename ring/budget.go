package ring

// span is the stretch that one element takes in the stream of all bytes that were
// ever pushed. What is queued is then one subtraction, however many elements
// there are and whoever took the others.
type span struct{ before, after int64 }

// Bytes returns the sum of SizeOf over what is queued; without SizeOf, 0. While
// the ring is in use it is an estimate, between 0 and the budget.
func (r *Ring[T]) Bytes() int64 {
	gone := max(r.bytesTaken.Load(), r.bytesEvicted.Load())
	queued := r.bytesPushed.Load() - gone
	if r.maxBytes > 0 {
		return min(queued, r.maxBytes)
	}
	return queued
}

// queued returns the bytes from position h on, exactly.
func (r *Ring[T]) queued(h uint64) int64 {
	if h == r.next {
		return 0
	}
	return r.bytesPushed.Load() - r.chunkOf(h).spans[h&r.slotMask].before
}

// fits reports whether there would be room for size bytes more if head were at h.
func (r *Ring[T]) fits(h uint64, size int64) bool {
	return r.next-h < r.capacity && (r.maxBytes == 0 || r.queued(h)+size <= r.maxBytes)
}

// size returns what v counts for. It has SizeOf look at a copy in the ring, for
// the address of v itself would move every element to the heap.
func (r *Ring[T]) size(v T) int64 {
	r.scratch = v
	size := max(int64(r.sizeOf(&r.scratch)), 0)
	if r.clearing {
		var zero T
		r.scratch = zero
	}
	return size
}

// pushAny appends v to any ring. An element that is larger than the whole budget
// comes back by itself: all the others would have to go, and it would not fit then.
func (r *Ring[T]) pushAny(v T, evicted []T) []T {
	if r.ended {
		r.refused.Add(1)
		return append(evicted, v)
	}
	size := r.size(v)
	if r.maxBytes > 0 && size > r.maxBytes {
		r.refused.Add(1)
		return append(evicted, v)
	}
	h := position(r.head.Load()) // R
	for h < r.next && !r.fits(h, size) {
		h++
	}
	if h > r.tail.Load() {
		r.publish(r.next) // some of its own batch have to go: head never passes tail
	}
	evicted = r.evictTo(h, evicted)
	r.putSized(v, size)
	return evicted
}

// pushSized is PushBatch for a ring that counts bytes or was closed.
func (r *Ring[T]) pushSized(vs, evicted []T) []T {
	defer r.publishRest() // also if SizeOf panics
	for _, v := range vs {
		evicted = r.pushAny(v, evicted)
	}
	return evicted
}

// pushSpecial is Push for a ring that counts bytes or was closed.
func (r *Ring[T]) pushSpecial(v T) (old T, evicted bool) {
	if r.maxBytes > 0 {
		panic("ring: Push with a byte budget may have to evict several elements: use PushBatch")
	}
	var room [1]T
	out := r.pushAny(v, room[:0])
	r.publishRest()
	if len(out) == 1 {
		return out[0], true
	}
	return old, false
}

// offerSized is OfferBatch for a ring that counts bytes or was closed.
func (r *Ring[T]) offerSized(vs []T) int {
	if r.ended {
		return 0
	}
	defer r.publishRest() // also if SizeOf panics
	for i, v := range vs {
		size := r.size(v)
		if !r.fits(position(r.head.Load()), size) { // R
			return i
		}
		r.putSized(v, size)
	}
	return len(vs)
}

// putSized appends v, for which there is room, and leaves it to publishRest to tell
// the consumer: once for a batch.
func (r *Ring[T]) putSized(v T, size int64) {
	t := r.next
	if t&r.slotMask == 0 {
		r.enter(t)
	}
	before := r.bytesPushed.Load()
	r.filling.spans[t&r.slotMask] = span{before, before + size}
	r.filling.slots[t&r.slotMask] = v
	r.bytesPushed.Store(before + size)
	r.next = t + 1
	r.limit = t + 1 // the fast path knows nothing of bytes
}

// publishRest publishes what putSized appended.
func (r *Ring[T]) publishRest() {
	if r.next != r.tail.Load() {
		r.publish(r.next)
	}
}

// countEvicted books everything below pos as gone. The producer owns pos-1.
func (r *Ring[T]) countEvicted(pos uint64) {
	if r.sizeOf != nil {
		r.bytesEvicted.Store(r.chunkOf(pos - 1).spans[(pos-1)&r.slotMask].after)
	}
}
