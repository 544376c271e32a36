package ring

// Batch is a run of consecutive elements that the consumer has claimed.
type Batch[T any] struct {
	// Items are the elements themselves, in place. They are the consumer's to
	// read and change until its next call of Claim, Pop, PopBatch, Wait or
	// Release.
	Items []T
	// Seq is the sequence number of Items[0]. The first element ever pushed has
	// number 0, and each next one 1 more.
	Seq uint64
	// Lost is how many elements were evicted just before Items[0].
	Lost uint64
}

// consumer is owned by the consumer goroutine.
type consumer[T any] struct {
	taken    uint64    // the position after the last claim
	tailSeen uint64    // a position that tail has reached; it may be further by now
	reading  *chunk[T] // the chunk that is pinned
	number   uint64    // its chunk number, plus 1; 0 when there is none
	claimed  []T       // what the last claim has not yet let go of
	chunkEnd uint64
	found    uint64
	slots2   []T
	lostSum  uint64 // evicted in all, up to taken
}

const patience = 4 // lost races for head before the consumer asks the producer to give way

// take claims up to n elements of one chunk. The claim is the consumer's until
// release; nothing is claimed when the ring is empty.
func (r *Ring[T]) take(n uint64) Batch[T] {
	for failed := 0; ; failed++ {
		w := r.head.Load() // R
		h := position(w)
		if int64(r.tailSeen-h) <= 0 {
			r.tailSeen = r.tail.Load() // W
			if int64(r.tailSeen-h) <= 0 {
				return Batch[T]{}
			}
			r.found = r.tailSeen - h
		}
		i := h & r.slotMask
		m := min(n, r.tailSeen-h, r.slotMask+1-i)
		c := r.pinChunk(h >> r.shift)
		lost := h - r.taken
		if lost > 0 {
			r.lost.Store(r.lostSum + lost)
		}
		if r.head.CompareAndSwap(w, headWord(h+m, byConsumer)) { // R
			r.taken = h + m
			r.lostSum += lost
			if r.sizeOf != nil {
				r.bytes.taken.Store(c.spans[i+m-1].after)
			}
			return Batch[T]{Items: c.slots[i : i+m : i+m], Seq: h, Lost: lost}
		}
		// The producer evicted what we wanted: look again. What was pinned may be
		// the wrong chunk by now, which does no harm.
		if failed >= patience {
			r.ask.Store(1)
		}
	}
}

// pinChunk returns the chunk of a number that head is in, and pins it first. The
// pin (P) has to be stored before the claim's compare-and-swap of head (R).
func (r *Ring[T]) pinChunk(number uint64) *chunk[T] {
	if r.number == number+1 {
		return r.reading
	}
	c := r.table[number&r.tableMask].Load() // T
	if c != r.reading {
		r.pin.Store(c) // P
		r.reading = c
	}
	r.number = number + 1
	return c
}

// Pop takes the oldest element. ok is false when the ring is empty.
func (r *Ring[T]) Pop() (v T, ok bool) {
	h := r.taken
	if h == r.tailSeen {
		if r.tailSeen = r.tail.Load(); h == r.tailSeen { // W
			return v, false
		}
	}
	// If nothing was evicted since the last claim, head is where it left it.
	if h < r.chunkEnd && r.head.CompareAndSwap(headWord(h, byConsumer), headWord(h+1, byConsumer)) { // R
		s := &r.slots2[h&r.slotMask]
		v = *s
		if !r.keepSlots {
			var zero T
			*s = zero
		}
		r.taken = h + 1
		return v, true
	}
	return r.popSlow()
}

func (r *Ring[T]) popSlow() (v T, ok bool) {
	r.Release()
	b := r.take(1)
	if len(b.Items) == 0 {
		return v, false
	}
	v = b.Items[0]
	r.clearSlots(b.Items)
	if r.sizeOf == nil {
		r.slots2 = r.reading.slots
		r.chunkEnd = b.Seq | r.slotMask + 1
	}
	return v, true
}

// Claim takes up to limit of the oldest elements in place, no further than to
// the end of their chunk (64 elements, less in small rings). The batch is empty
// when the ring is. When the ring is closed and drained, an empty batch may
// still have Lost, for what was evicted last.
func (r *Ring[T]) Claim(limit int) Batch[T] {
	r.Release()
	if limit < 1 {
		return Batch[T]{}
	}
	b := r.take(uint64(limit))
	r.claimed = b.Items
	if len(b.Items) == 0 && r.closed.Load() {
		return r.lastLoss()
	}
	return b
}

// Release lets go of the last claim: its slots are cleared, and its Items must
// not be used any more. Every other call of the consumer does so by itself.
func (r *Ring[T]) Release() {
	if len(r.claimed) != 0 {
		r.clearSlots(r.claimed)
		r.claimed = nil
	}
}

// PopBatch copies up to len(dst) of the oldest elements into dst and returns how
// many. They are consecutive, and lost elements were evicted just before them.
func (r *Ring[T]) PopBatch(dst []T) (n int, lost uint64) {
	r.Release()
	for n < len(dst) {
		if n > 0 && position(r.head.Load()) != r.taken {
			return n, lost // the next one is not adjacent
		}
		b := r.take(uint64(len(dst) - n))
		if len(b.Items) == 0 {
			return n, lost
		}
		if n == 0 {
			lost = b.Lost
		}
		n += copy(dst[n:], b.Items)
		r.clearSlots(b.Items)
	}
	return n, lost
}
