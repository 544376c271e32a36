package ring

// producer is owned by the producer goroutine.
type producer[T any] struct {
	next       uint64      // tail, which only the producer moves
	limit      uint64      // from next up to here Push needs no look at head or table
	headSeen   uint64      // a position that head has reached; by now it may be further
	filling    *chunk[T]   // where next-1 lives
	free       []*chunk[T] // chunks that nobody uses, in freeList
	freeList   [reclaimBatch + 1]*chunk[T]
	pinned     uint64    // the chunk number of the last claim before the last eviction
	held       *chunk[T] // passed by head, but pinned when reclaim looked at it
	heldNumber uint64    // the chunk number that it had
	oldest     uint64    // the lowest chunk number that reclaim has not looked at
	evicted    uint64    // evictions in all
	ended      bool      // Close was called
	scratch    T         // what SizeOf looks at
}

// Push appends v. When the ring is full it evicts the oldest element to make
// room, and hands it back as old. Push takes a bounded number of steps whatever
// the consumer does. After Close v itself comes back.
//
// One element may cost several others their place in a ring with a byte budget:
// Push panics there, and PushBatch does it.
func (r *Ring[T]) Push(v T) (old T, evicted bool) {
	t := r.next
	if t == r.limit {
		return r.pushSlowly(v)
	}
	r.filling.slots[t&r.slotMask] = v
	r.next = t + 1
	r.tail.Store(t + 1)         // W
	if r.signal.asleep.Load() { // S
		r.signal.Notify()
	}
	return old, false
}

// pushSlowly is Push where there may be no room or no chunk, or anything else out
// of the ordinary: limit leads here.
func (r *Ring[T]) pushSlowly(v T) (old T, evicted bool) {
	if r.ended || r.sizeOf != nil {
		return r.pushSpecial(v)
	}
	t := r.next
	if t-r.headSeen >= r.capacity {
		w := r.head.Load() // R
		h := position(w)
		r.headSeen = h
		if t-h >= r.capacity {
			if mover(w) == byConsumer || r.ask.Load() {
				r.noteConsumer(w)
			}
			// The address is found first: nothing overlaps with a locked instruction.
			slot := &r.chunkOf(h).slots[h&r.slotMask]
			if evicted = r.moveHead(w, h+1); evicted {
				old = *slot
				if r.clearing {
					var zero T
					*slot = zero
				}
			}
			r.headSeen = h + 1
		}
	}
	// This is put, written out: a flood comes through here with every element, and
	// the calls would take half as long again.
	i := t & r.slotMask
	if i == 0 {
		r.enter(t)
	}
	r.filling.slots[i] = v
	r.next = t + 1
	r.limit = min(t|r.slotMask+1, r.headSeen+r.capacity)
	r.tail.Store(t + 1)         // W
	if r.signal.asleep.Load() { // S
		r.signal.Notify()
	}
	return old, evicted
}

// put appends v, for which there is room.
func (r *Ring[T]) put(v T) {
	t := r.next
	i := t & r.slotMask
	if i == 0 {
		r.enter(t)
	}
	r.filling.slots[i] = v
	r.publish(t + 1)
	r.limit = min(t|r.slotMask+1, r.headSeen+r.capacity)
}

// publish makes everything below t the consumer's to claim, and wakes it if it
// sleeps. First tail is stored (W), then the sleeper's flag is loaded (S).
func (r *Ring[T]) publish(t uint64) {
	r.next = t
	r.tail.Store(t)             // W
	if r.signal.asleep.Load() { // S
		r.signal.Notify()
	}
}

// PushBatch appends all of vs, and wakes the consumer at most once. What it has
// to evict to make room is appended to evicted, oldest first, and the result is
// returned. When vs is longer than the ring, or larger than its byte budget, the
// first of vs are pushed and evicted like any other, and the consumer may be woken
// once for each ringful. It takes a number of steps that is bounded by the
// lengths of vs and of what it evicts. After Close all of vs comes back. The memory
// of evicted, up to its capacity, must not overlap with vs.
func (r *Ring[T]) PushBatch(vs []T, evicted []T) []T {
	if r.ended || r.sizeOf != nil {
		return r.pushSized(vs, evicted)
	}
	for len(vs) > 0 {
		n := min(uint64(len(vs)), r.capacity)
		if t := r.next + n; t-r.headSeen > r.capacity {
			evicted = r.evictTo(t-r.capacity, evicted)
		}
		r.fill(vs[:n])
		vs = vs[n:]
	}
	return evicted
}

// fill appends vs, for which there is room.
func (r *Ring[T]) fill(vs []T) {
	t := r.next
	for len(vs) > 0 {
		i := t & r.slotMask
		if i == 0 {
			r.enter(t)
		}
		n := copy(r.filling.slots[i:], vs)
		t += uint64(n)
		vs = vs[n:]
	}
	r.publish(t)
	r.limit = min((t-1)|r.slotMask+1, r.headSeen+r.capacity)
}

// Offer appends v if there is room, and reports whether there was. It never
// evicts, and takes a bounded number of steps. After Close there is no room.
func (r *Ring[T]) Offer(v T) bool {
	if r.next == r.limit {
		return r.offerSlowly(v)
	}
	t := r.next
	r.filling.slots[t&r.slotMask] = v
	r.next = t + 1
	r.tail.Store(t + 1)         // W
	if r.signal.asleep.Load() { // S
		r.signal.Notify()
	}
	return true
}

func (r *Ring[T]) offerSlowly(v T) bool {
	if r.ended || r.sizeOf != nil {
		return r.offerSized([]T{v}) == 1
	}
	if r.next-r.headSeen >= r.capacity && r.room() == 0 {
		return false
	}
	r.put(v)
	return true
}

// OfferBatch appends as many of vs as there is room for, from the first on, wakes
// the consumer at most once, and returns how many that was. It never evicts.
func (r *Ring[T]) OfferBatch(vs []T) int {
	if r.ended || r.sizeOf != nil {
		return r.offerSized(vs)
	}
	n := uint64(len(vs))
	if r.next-r.headSeen+n > r.capacity {
		n = min(n, r.room())
	}
	if n > 0 {
		r.fill(vs[:n])
	}
	return int(n)
}

// room looks at head, and returns how many elements can be appended without
// evicting any.
func (r *Ring[T]) room() uint64 {
	r.headSeen = position(r.head.Load()) // R
	return r.capacity - (r.next - r.headSeen)
}
