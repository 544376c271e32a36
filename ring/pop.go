package ring

// Pop takes the oldest element. ok is false when the ring is empty. Pop does not
// report what was lost before that element, and no later call does: only the sum is
// known, as Evicted in Stats.
func (c *Consumer[T]) Pop() (v T, ok bool) {
	s, h := c.shared, c.taken
	if h == c.cachedTail {
		if s == nil || !c.loadTail(h) {
			c.mustBeMade()
			return v, false
		}
	}
	// If nothing was evicted since the last claim, then head is where that left it, and
	// mostly in the same chunk.
	if h >= c.popLimit || !s.head.CompareAndSwap(headWord(h, byConsumer), headWord(h+1, byConsumer)) { // R
		return c.popSlow()
	}
	c.taken = h + 1
	slot := &c.reading.slots[h&s.slotMask]
	v = *slot
	if s.clearing {
		var zero T
		*slot = zero
	}
	return v, true
}

// popSlow is Pop where head has moved on or where the chunk ends.
func (c *Consumer[T]) popSlow() (v T, ok bool) {
	c.Release()
	items := c.take(1)
	if len(items) == 0 {
		return v, false
	}
	v = items[0]
	c.clearSlots(items)
	return v, true
}

// PopBatch copies up to len(dst) of the oldest elements into dst, and returns how
// many. They are consecutive; lost elements were evicted just before the first. What
// was evicted last of all, from a ring that is closed then, precedes no element: a
// Claim afterwards reports it, and Evicted in Stats counts it.
func (c *Consumer[T]) PopBatch(dst []T) (n int, lost uint64) {
	c.Release()
	if len(dst) == 0 {
		return 0, 0
	}
	items := c.take(uint64(len(dst)))
	if len(items) == 0 {
		return 0, 0
	}
	lost = c.lostBefore
	for {
		n += copy(dst[n:], items)
		c.clearSlots(items)
		if n == len(dst) {
			return n, lost
		}
		// The next elements have to follow these: one number cannot report a loss in
		// the middle of dst.
		items, _ = c.takeFrom(headWord(c.taken, byConsumer), uint64(len(dst)-n))
		if len(items) == 0 {
			return n, lost
		}
	}
}
