package ring

// Batch is a run of consecutive elements that the consumer has claimed.
type Batch[T any] struct {
	// Items are the elements themselves, in place. The consumer may read and
	// change them until its next call.
	Items []T
	// Seq is the sequence number of Items[0]: the first element ever pushed has
	// 0, each next one 1 more.
	Seq uint64
	// Lost is how many elements were evicted just before Items[0].
	Lost uint64
}

// Consumer is the side of a ring that takes.
//
// A Consumer is for one goroutine at a time. Len, Cap, Bytes, Closed and Stats are safe
// for concurrent use.
type Consumer[T any] struct {
	*shared[T]

	// Owned by the consumer goroutine.
	taken      uint64    // the position after the last claim
	cachedTail uint64    // a position that tail has reached; by now it may be further
	found      uint64    // how many elements the last load of tail found
	reading    *chunk[T] // the chunk of the last claim
	number     uint64    // its number, plus 1
	popLimit   uint64    // Pop may go on in that chunk up to here
	lostBefore uint64    // evictions just before the last claim
	lostTotal  uint64    // evictions up to the last claim
	unreleased []T       // the claim that was not released yet
}

// racesPerTurn is how many times the consumer loses the race for head before it asks
// the producer for a turn.
const racesPerTurn = 2

// take claims up to n of the oldest elements, in one chunk; none when the ring is
// empty. They end at taken, and lostBefore of them were evicted just before. The
// callers put a Batch together last, because it is too large for registers.
func (c *Consumer[T]) take(n uint64) []T {
	c.mustBeMade()
	for races := 1; ; races++ {
		if items, won := c.takeFrom(c.head.Load(), n); won { // R
			return items
		}
		if races >= racesPerTurn {
			c.wantsTurn.Store(true)
		}
	}
}

// takeFrom claims up to n elements from the position of head word w on. It fails
// when head is not there any more, which does no harm: the producer evicted what
// was wanted, and nothing was touched.
func (c *Consumer[T]) takeFrom(w, n uint64) (items []T, won bool) {
	s, h := c.shared, position(w)
	if h >= c.cachedTail && !c.loadTail(h) {
		return nil, true
	}
	i := h & s.slotMask
	n = min(n, c.cachedTail-h, s.slotMask+1-i)
	from := c.reading
	if c.number != h>>s.shift+1 {
		from = c.findChunk(h >> s.shift)
	}
	lost := h - c.taken
	if lost > 0 {
		s.lost.Store(c.lostTotal + lost)
	}
	if !s.head.CompareAndSwap(w, headWord(h+n, byConsumer)) { // R
		return nil, false
	}
	c.taken = h + n
	c.lostBefore = lost
	c.lostTotal += lost
	if s.sizeOf != nil {
		s.bytesTaken.Store(from.spans[i+n-1].after)
	}
	return from.slots[i : i+n : i+n], true
}

// loadTail loads tail, and reports whether something is queued from position h on.
func (c *Consumer[T]) loadTail(h uint64) bool {
	c.cachedTail = c.tail.Load() // W
	c.found = c.cachedTail - h
	return c.found > 0
}

// findChunk finds the chunk that has number, while head is in it.
func (c *Consumer[T]) findChunk(number uint64) *chunk[T] {
	c.reading = c.table[number&c.tableMask].Load() // T
	c.number = number + 1
	if c.sizeOf == nil {
		c.popLimit = (number + 1) << c.shift
	}
	return c.reading
}

// Claim takes up to limit of the oldest elements, in place, at most to the end of
// their chunk: 64 elements, fewer in a small ring, more if they are tiny. The batch
// is empty when the ring is. Once the ring is closed and drained, an empty batch may
// still have a Lost: what was evicted last.
func (c *Consumer[T]) Claim(limit int) Batch[T] {
	c.Release()
	if limit < 1 {
		return Batch[T]{}
	}
	items := c.take(uint64(limit))
	if len(items) == 0 {
		return c.lastLoss()
	}
	c.unreleased = items
	return Batch[T]{Items: items, Seq: c.taken - uint64(len(items)), Lost: c.lostBefore}
}

// Release ends the last claim, whose Items must not be used any more. Every other
// call of the consumer does so too.
func (c *Consumer[T]) Release() {
	if len(c.unreleased) > 0 {
		c.clearSlots(c.unreleased)
		c.unreleased = nil
	}
}

// lastLoss returns what was evicted after the last claim of a closed ring.
func (c *Consumer[T]) lastLoss() Batch[T] {
	if !c.closed.Load() { // C
		return Batch[T]{}
	}
	h := position(c.head.Load()) // R
	if c.loadTail(h) {
		return Batch[T]{}
	}
	lost := h - c.taken
	c.taken = h
	c.lostTotal += lost
	return Batch[T]{Seq: h, Lost: lost}
}
