package ring

// span is the stretch of one element in the stream of all bytes that were ever
// pushed. So the bytes that are queued are one subtraction, however many elements
// there are and whichever side took the others.
//
// Positions in that stream may wrap, which needs absurd sizes. Their differences are
// right nevertheless: what is queued never has more than math.MaxInt64 bytes.
type span struct{ before, after uint64 }

// Bytes returns the sum of SizeOf over the queued elements; without SizeOf, 0. While
// the ring is in use it is an estimate between 0 and the budget.
func (s *shared[T]) Bytes() int64 {
	taken, evicted := s.bytesTaken.Load(), s.bytesEvicted.Load()
	producerMoved := mover(s.head.Load()) == byProducer
	pushed := s.bytesPushed.Load()
	queued, other := pushed-taken, pushed-evicted
	if producerMoved {
		queued, other = other, queued
	}
	// A side that has just moved head stores its sum a moment later. Until then the
	// sum may be far too old, and that of the other side is nearly right.
	bound := s.maxQueuedBytes()
	if queued > bound {
		queued = other
	}
	return int64(min(queued, bound))
}

// maxQueuedBytes returns how many bytes all that is queued can have at most.
func (s *shared[T]) maxQueuedBytes() uint64 {
	if s.maxBytes > 0 {
		return s.maxBytes
	}
	return s.capacity * s.largest.Load() // at most math.MaxInt64; see maxSize
}

// queued returns the exact number of bytes from position h on.
func (p *Producer[T]) queued(h uint64) uint64 {
	if h == p.next {
		return 0
	}
	return p.bytesPushed.Load() - p.chunkOf(h).spans[h&p.slotMask].before
}

// fits reports whether there would be room for size bytes more if head were at h.
// What is queued never exceeds the budget, so the difference does not wrap.
func (p *Producer[T]) fits(h, size uint64) bool {
	return p.next-h < p.capacity && (p.maxBytes == 0 || size <= p.maxBytes-p.queued(h))
}

// size returns what v counts for. SizeOf gets a copy in the ring, because the
// address of v itself would move every element to the heap.
func (p *Producer[T]) size(v T) uint64 {
	p.scratch = v
	size := p.sizeOf(&p.scratch)
	if p.clearing {
		var zero T
		p.scratch = zero
	}
	return min(uint64(max(size, 0)), p.maxSize)
}

// pushChecked appends v to a ring of any kind. An element that is larger than the
// whole budget comes back alone: it would not fit if all the others were evicted.
func (p *Producer[T]) pushChecked(v T, evicted []T) []T {
	if p.closed.Load() {
		p.refused.Add(1)
		return append(evicted, v)
	}
	size := p.size(v)
	if p.maxBytes > 0 && size > p.maxBytes {
		p.refused.Add(1)
		return append(evicted, v)
	}
	h := position(p.head.Load()) // R
	for h < p.next && !p.fits(h, size) {
		h++
	}
	if h > p.tail.Load() {
		p.publish(p.next) // the eviction goes into the batch itself, and head never passes tail
	}
	evicted = p.evictTo(h, evicted)
	p.insertSized(v, size)
	return evicted
}

// pushBatchChecked is PushBatch for a ring of any kind.
func (p *Producer[T]) pushBatchChecked(vs, evicted []T) []T {
	p.mustBeMade()
	defer p.publishInserted() // also if SizeOf panics
	for _, v := range vs {
		evicted = p.pushChecked(v, evicted)
	}
	return evicted
}

// pushOneChecked is Push for a ring of any kind.
func (p *Producer[T]) pushOneChecked(v T) (old T, evicted bool) {
	p.mustBeMade()
	if p.maxBytes > 0 {
		panic("ring: Push with a byte budget may have to evict several elements: use PushBatch")
	}
	var room [1]T
	out := p.pushChecked(v, room[:0])
	p.publishInserted()
	if len(out) == 1 {
		return out[0], true
	}
	return old, false
}

// offerBatchChecked is OfferBatch for a ring of any kind.
func (p *Producer[T]) offerBatchChecked(vs []T) int {
	p.mustBeMade()
	if p.closed.Load() {
		return 0
	}
	defer p.publishInserted() // also if SizeOf panics
	for i, v := range vs {
		size := p.size(v)
		if !p.fits(position(p.head.Load()), size) { // R
			return i
		}
		p.insertSized(v, size)
	}
	return len(vs)
}

// insertSized appends v, for which there is room. publishInserted publishes it, once
// for a batch.
func (p *Producer[T]) insertSized(v T, size uint64) {
	t := p.next
	if t&p.slotMask == 0 {
		p.startChunk(t)
	}
	if size > p.largest.Load() {
		p.largest.Store(size)
	}
	before := p.bytesPushed.Load()
	p.chunkOf(t).spans[t&p.slotMask] = span{before, before + size}
	p.filling[t&p.slotMask] = v
	p.bytesPushed.Store(before + size)
	p.next = t + 1
	p.limit = t + 1 // the fast path does not count bytes
}

// publishInserted publishes what insertSized appended.
func (p *Producer[T]) publishInserted() {
	if p.next != p.tail.Load() {
		p.publish(p.next)
	}
}

// countEvicted adds everything below pos to bytesEvicted. The producer owns pos-1.
func (p *Producer[T]) countEvicted(pos uint64) {
	if p.sizeOf != nil {
		p.bytesEvicted.Store(p.chunkOf(pos - 1).spans[(pos-1)&p.slotMask].after)
	}
}
