package ring

// Pop takes the oldest element. ok is false when the ring is empty. It does not tell
// what was lost before that element, and what was lost then no later call tells either:
// only the sum is known, as Evicted in Stats.
func (r *Ring[T]) Pop() (v T, ok bool) {
	h := r.taken
	if h == r.tailSeen && !r.look(h) {
		return v, false
	}
	// If nothing was evicted since the last claim, then head is where that left it, and
	// mostly in the same chunk.
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
	items := r.take(1)
	if len(items) == 0 {
		return v, false
	}
	v = items[0]
	r.clearSlots(items)
	return v, true
}

// PopBatch copies up to len(dst) of the oldest elements into dst, and returns how
// many. They are consecutive; lost elements were evicted just before the first. What was
// evicted last of all, from a ring that is closed then, comes before no element: a Claim
// afterwards tells it, and Evicted in Stats counts it.
func (r *Ring[T]) PopBatch(dst []T) (n int, lost uint64) {
	r.Release()
	if len(dst) == 0 {
		return 0, 0
	}
	items := r.take(uint64(len(dst)))
	if len(items) == 0 {
		return 0, 0
	}
	lost = r.gap
	for {
		n += copy(dst[n:], items)
		r.clearSlots(items)
		if n == len(dst) {
			return n, lost
		}
		// Only what follows on: a loss in the middle of dst could not be told.
		items, _ = r.takeFrom(headWord(r.taken, byConsumer), uint64(len(dst)-n))
		if len(items) == 0 {
			return n, lost
		}
	}
}
