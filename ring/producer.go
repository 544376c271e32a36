package ring

// Producer is the side of a ring that pushes. It never waits.
//
// A Producer is for one goroutine at a time. Len, Cap, Bytes, Closed and Stats are safe
// for concurrent use.
type Producer[T any] struct {
	*shared[T]

	// Owned by the producer goroutine.
	next         uint64      // tail, which only the producer moves
	limit        uint64      // from next up to here a push does not load head or table
	cachedHead   uint64      // a position that head has reached; by now it may be further
	filling      []T         // the slots of the chunk where next-1 lives
	plain        bool        // the ring is open and counts no bytes
	free         []*chunk[T] // unused chunks, in freeList
	freeList     [reclaimBatch + 1]*chunk[T]
	pinned       uint64    // the chunk number of the last claim before the last eviction
	held         *chunk[T] // passed by head, but pinned when reclaim checked it
	heldNumber   uint64    // the chunk number that held had
	oldest       uint64    // the lowest chunk number that reclaim has not checked
	evictedTotal uint64
	scratch      T // what SizeOf gets
}

// Push appends v. When the ring is full it evicts the oldest element to make
// room, and hands it back as old. Push takes a bounded number of steps whatever
// the consumer does. After Close v itself comes back.
//
// In a ring with a byte budget one element may need the room of several others:
// there Push panics. PushBatch works.
func (p *Producer[T]) Push(v T) (old T, evicted bool) {
	t := p.next
	if t == p.limit {
		return p.pushSlow(v)
	}
	s := p.shared
	p.filling[t&uint64(len(p.filling)-1)] = v
	p.next = t + 1
	s.tail.Store(t + 1)         // W
	if s.signal.asleep.Load() { // S
		s.signal.Notify()
	}
	return old, false
}

// pushSlow is Push for a ring that may be full, may need a chunk, or is not plain:
// limit leads here.
func (p *Producer[T]) pushSlow(v T) (old T, evicted bool) {
	if !p.plain {
		return p.pushOneChecked(v)
	}
	s, t := p.shared, p.next
	if t-p.cachedHead >= s.capacity {
		w := s.head.Load() // R
		h := position(w)
		p.cachedHead = h
		if t-h >= s.capacity {
			if mover(w) == byConsumer || s.wantsTurn.Load() {
				p.noteClaim(w)
			}
			// The address is found first, because the processor does nothing else
			// during a locked instruction.
			slot := &s.chunkOf(h).slots[h&s.slotMask]
			if evicted = p.moveHead(w, h+1); evicted {
				old = *slot
				if s.clearing {
					var zero T
					*slot = zero
				}
			}
			p.cachedHead = h + 1
		}
	}
	// This is insert, written out: a flood comes through here with every element, and
	// the calls would take half as long again.
	i := t & s.slotMask
	if i == 0 {
		p.startChunk(t)
	}
	p.filling[i] = v
	p.next = t + 1
	p.limit = min(t|s.slotMask+1, p.cachedHead+s.capacity)
	s.tail.Store(t + 1)         // W
	if s.signal.asleep.Load() { // S
		s.signal.Notify()
	}
	return old, evicted
}

// insert appends v. There is room for it.
func (p *Producer[T]) insert(v T) {
	t := p.next
	i := t & p.slotMask
	if i == 0 {
		p.startChunk(t)
	}
	p.filling[i] = v
	p.publish(t + 1)
	p.limit = min(t|p.slotMask+1, p.cachedHead+p.capacity)
}

// publish lets the consumer claim everything below t, and wakes it if it sleeps.
// First it stores tail (W), then it loads the sleeper's flag (S).
func (p *Producer[T]) publish(t uint64) {
	p.next = t
	p.tail.Store(t)             // W
	if p.signal.asleep.Load() { // S
		p.signal.Notify()
	}
}

// PushBatch appends all of vs, and wakes the consumer at most once. It appends what
// it evicts to evicted, oldest first, and returns the result. When vs is longer than
// the ring, or larger than its byte budget, the first elements of vs are pushed and
// evicted like any other, and the consumer may be woken once for each ringful.
// PushBatch takes a number of steps that is bounded by the lengths of vs and of what
// it evicts. After Close all of vs comes back. The memory of evicted, up to its
// capacity, must not overlap with vs.
func (p *Producer[T]) PushBatch(vs []T, evicted []T) []T {
	if !p.plain {
		return p.pushBatchChecked(vs, evicted)
	}
	for len(vs) > 0 {
		n := min(uint64(len(vs)), p.capacity)
		if t := p.next + n; t-p.cachedHead > p.capacity {
			evicted = p.evictTo(t-p.capacity, evicted)
		}
		p.insertBatch(vs[:n])
		vs = vs[n:]
	}
	return evicted
}

// insertBatch appends vs. There is room for all of it.
func (p *Producer[T]) insertBatch(vs []T) {
	t := p.next
	for len(vs) > 0 {
		i := t & p.slotMask
		if i == 0 {
			p.startChunk(t)
		}
		n := copy(p.filling[i:], vs)
		t += uint64(n)
		vs = vs[n:]
	}
	p.publish(t)
	p.limit = min((t-1)|p.slotMask+1, p.cachedHead+p.capacity)
}

// Offer appends v if there is room, and reports whether there was. It never
// evicts, and takes a bounded number of steps. After Close there is no room.
func (p *Producer[T]) Offer(v T) bool {
	if p.next == p.limit {
		return p.offerSlow(v)
	}
	s, t := p.shared, p.next
	p.filling[t&uint64(len(p.filling)-1)] = v
	p.next = t + 1
	s.tail.Store(t + 1)         // W
	if s.signal.asleep.Load() { // S
		s.signal.Notify()
	}
	return true
}

func (p *Producer[T]) offerSlow(v T) bool {
	if !p.plain {
		return p.offerBatchChecked([]T{v}) == 1
	}
	if p.next-p.cachedHead >= p.capacity && p.room() == 0 {
		return false
	}
	p.insert(v)
	return true
}

// OfferBatch appends as many of vs as there is room for, from the first on, wakes
// the consumer at most once, and returns how many it appended. It never evicts.
func (p *Producer[T]) OfferBatch(vs []T) int {
	if !p.plain {
		return p.offerBatchChecked(vs)
	}
	n := uint64(len(vs))
	if p.next-p.cachedHead+n > p.capacity {
		n = min(n, p.room())
	}
	if n > 0 {
		p.insertBatch(vs[:n])
	}
	return int(n)
}

// room loads head, and returns how many elements can be appended without an
// eviction.
func (p *Producer[T]) room() uint64 {
	p.cachedHead = position(p.head.Load()) // R
	return p.capacity - (p.next - p.cachedHead)
}
