package ring

// Pop takes the oldest element. ok is false when the ring is empty.
func (r *Ring[T]) Pop() (v T, ok bool) {
	h := r.taken
	if h == r.tailSeen && !r.look(h) {
		return v, false
	}
	// If nothing was evicted since the last claim, then head is where that left it,
	// and so is the pin.
	if h >= r.popEnd || !r.head.CompareAndSwap(headWord(h, byConsumer), headWord(h+1, byConsumer)) { // R
		return r.popSlowly()
	}
	r.taken = h + 1
	slot := &r.reading.slots[h&r.slotMask]
	v = *slot
	if r.clearing {
		var zero T
		*slot = zero
	}
	return v, true
}

func (r *Ring[T]) popSlowly() (v T, ok bool) {
	r.Release()
	b := r.take(1)
	if len(b.Items) == 0 {
		return v, false
	}
	v = b.Items[0]
	r.clearSlots(b.Items)
	return v, true
}

// PopBatch copies up to len(dst) of the oldest elements into dst, and returns how
// many. They are consecutive; lost elements were evicted just before the first.
func (r *Ring[T]) PopBatch(dst []T) (n int, lost uint64) {
	r.Release()
	if len(dst) == 0 {
		return 0, 0
	}
	b := r.take(uint64(len(dst)))
	lost = b.Lost
	for len(b.Items) > 0 {
		n += copy(dst[n:], b.Items)
		r.clearSlots(b.Items)
		if n == len(dst) {
			break
		}
		// Only what follows on: a loss in the middle of dst could not be told.
		b, _ = r.takeFrom(headWord(r.taken, byConsumer), uint64(len(dst)-n))
	}
	return n, lost
}
