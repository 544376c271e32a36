package ring

// Batch is a run of consecutive elements that the consumer has claimed.
type Batch[T any] struct {
	// Items are the elements themselves, in place. They are the consumer's to
	// read and to change until its next call.
	Items []T
	// Seq is the sequence number of Items[0]: the first element ever pushed has
	// 0, each next one 1 more.
	Seq uint64
	// Lost is how many elements were evicted just before Items[0].
	Lost uint64
}

// consumer is owned by the consumer goroutine.
type consumer[T any] struct {
	taken    uint64    // the position after the last claim
	tailSeen uint64    // a position that tail has reached; by now it may be further
	seen     uint64    // how many elements the last look at tail found
	reading  *chunk[T] // the chunk of the last claim
	number   uint64    // its number, plus 1
	popEnd   uint64    // Pop may go on in that chunk up to here
	gap      uint64    // evictions just before the last claim
	lostSum  uint64    // evictions up to the last claim
	claimed  []T       // the claim that was not let go of yet
}

// patience is how many times the consumer loses the race for head before it asks
// the producer to give way.
const patience = 2

// take claims up to n of the oldest elements, in one chunk; none when the ring is
// empty. They end at taken, and gap of them were evicted just before. A Batch is put
// together last, for it is too large for registers.
func (r *Ring[T]) take(n uint64) []T {
	for races := 1; ; races++ {
		if items, won := r.takeFrom(r.head.Load(), n); won { // R
			return items
		}
		if races >= patience {
			r.ask.Store(true)
		}
	}
}

// takeFrom claims up to n elements from the position of head word w on. It fails
// when that is not where head is, which does no harm: the producer evicted what
// was wanted, and nothing was touched.
func (r *Ring[T]) takeFrom(w, n uint64) (items []T, won bool) {
	h := position(w)
	if h >= r.tailSeen && !r.look(h) {
		return nil, true
	}
	i := h & r.slotMask
	n = min(n, r.tailSeen-h, r.slotMask+1-i)
	c := r.reading
	if r.number != h>>r.shift+1 {
		c = r.enterChunk(h >> r.shift)
	}
	gap := h - r.taken
	if gap > 0 {
		r.lost.Store(r.lostSum + gap)
	}
	if !r.head.CompareAndSwap(w, headWord(h+n, byConsumer)) { // R
		return nil, false
	}
	r.taken = h + n
	r.gap = gap
	r.lostSum += gap
	if r.sizeOf != nil {
		r.bytesTaken.Store(c.spans[i+n-1].after)
	}
	return c.slots[i : i+n : i+n], true
}

// look loads tail, and reports whether there is something from position h on.
func (r *Ring[T]) look(h uint64) bool {
	r.tailSeen = r.tail.Load() // W

	r.seen = r.tailSeen - h
	return r.seen > 0
}

// enterChunk finds the chunk that has number while head is in it.
func (r *Ring[T]) enterChunk(number uint64) *chunk[T] {
	r.reading = r.table[number&r.tableMask].Load() // T
	r.number = number + 1
	if r.sizeOf == nil {
		r.popEnd = (number + 1) << r.shift
	}
	return r.reading
}

// Claim takes up to limit of the oldest elements, in place, at most to the end of
// their chunk: 64 elements, fewer in a small ring, more if they are tiny. The batch
// is empty when the ring is. Once the ring is closed and drained, an empty batch may
// still have a Lost: what was evicted last.
func (r *Ring[T]) Claim(limit int) Batch[T] {
	r.Release()
	if limit < 1 {
		return Batch[T]{}
	}
	items := r.take(uint64(limit))
	if len(items) == 0 {
		return r.lastLoss()
	}
	r.claimed = items
	return Batch[T]{Items: items, Seq: r.taken - uint64(len(items)), Lost: r.gap}
}

// Release lets go of the last claim, whose Items must not be used any more. Every
// other call of the consumer does so too.
func (r *Ring[T]) Release() {
	if len(r.claimed) > 0 {
		r.clearSlots(r.claimed)
		r.claimed = nil
	}
}
