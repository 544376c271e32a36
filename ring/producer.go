package ring

// producer is owned by the producer goroutine.
type producer[T any] struct {
	next     uint64 // tail, as only the producer moves it
	headSeen uint64 // a position that head has reached; it may be further by now
	limit    uint64
	slots    []T
	filling  *chunk[T] // where next lives, unless next begins a chunk
	free     *chunk[T] // chunks that nobody uses
	held     *chunk[T] // passed by head but pinned when it was last looked at
	oldest   uint64    // the lowest chunk number that has not been reclaimed
	evicted  uint64    // evictions in all
	refused  uint64
	ended    bool // Close was called
	special  bool // a byte count is kept: Push alone cannot do
}

// Push appends v. When the ring is full the oldest element is evicted to make
// room, and handed back as old. Push never waits: it takes a bounded number of
// steps, whatever the consumer does. After Close, v itself comes back.
//
// A ring with a byte budget may have to evict several elements for one, and
// needs PushBatch; Push panics there.
func (r *Ring[T]) Push(v T) (old T, evicted bool) {
	t := r.next
	if t == r.limit {
		return r.pushSlow(v)
	}
	r.slots[t&r.slotMask] = v
	r.next = t + 1
	r.tail.Store(t + 1)              // W
	if r.signal.asleep.Load() != 0 { // S
		r.signal.Notify()
	}
	return old, false
}

// pushSlow is Push where there may be no room, or no chunk.
func (r *Ring[T]) pushSlow(v T) (old T, evicted bool) {
	if r.special {
		return r.pushRare(v)
	}
	t := r.next
	if t-r.headSeen >= r.capacity {
		w := r.head.Load() // R
		h := position(w)
		r.headSeen = h
		if t-h >= r.capacity {
			// The address is worked out first: nothing overlaps with a locked instruction.
			s := &r.table[h>>r.shift&r.tableMask].Load().slots[h&r.slotMask]
			// Failure is fine: only the consumer can have moved head, and then there is room.
			if evicted = r.moveHead(w, h+1); evicted {
				old = *s
				var zero T
				*s = zero
			}
			r.headSeen = h + 1
		}
	}
	i := t & r.slotMask
	if i == 0 {
		r.enter(t)
	}
	r.slots[i] = v
	r.publish(t + 1)
	r.limit = min(t|r.slotMask+1, r.headSeen+r.capacity)
	return old, evicted
}

func (r *Ring[T]) pushRare(v T) (T, bool) {
	if !r.ended && r.maxBytes > 0 {
		panic("ring: Push on a ring with a byte budget: use PushBatch")
	}
	var one [1]T
	out := r.PushBatch([]T{v}, one[:0])
	if len(out) == 0 {
		var none T
		return none, false
	}
	return out[0], true
}

// publish makes everything below t the consumer's to claim, and wakes it if it
// sleeps. The store of tail (W) comes before the load of the sleeper's flag (S).
func (r *Ring[T]) publish(t uint64) {
	r.next = t
	r.tail.Store(t)                  // W
	if r.signal.asleep.Load() != 0 { // S
		r.signal.Notify()
	}
}

// moveHead tries to evict everything from the position of word w up to pos.
// On success those slots are the producer's.
func (r *Ring[T]) moveHead(w, pos uint64) bool {
	h := position(w)
	if w&1 == byConsumer {
		r.popped.Store(h - r.evicted)
	}
	if !r.head.CompareAndSwap(w, headWord(pos, byProducer)) { // R
		return false
	}
	r.evicted += pos - h
	return true
}

// giveWay pauses once, for the time of a lost race, because the consumer asked.
func (r *Ring[T]) giveWay() {
	r.ask.Store(0)
	pause(2 * pauseLoops)
}

// PushBatch appends all of vs and then wakes the consumer at most once. What has
// to be evicted to make room is appended to evicted, oldest first, and the
// result returned. When vs is longer than the ring, the first of vs are pushed
// and evicted like any other. After Close all of vs comes back.
func (r *Ring[T]) PushBatch(vs []T, evicted []T) []T {
	if r.ended {
		r.refuse(len(vs))
		return append(evicted, vs...)
	}
	if r.sizeOf != nil {
		return r.pushSized(vs, evicted)
	}
	for len(vs) > 0 {
		n := min(uint64(len(vs)), r.capacity)
		if r.next+n-r.headSeen > r.capacity {
			evicted = r.evictTo(r.next+n-r.capacity, evicted)
		}
		r.fill(vs[:n])
		vs = vs[n:]
	}
	return evicted
}

// fill writes vs, for which there is room, and publishes it.
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
}

// Offer appends v if there is room, and reports whether there was. It never
// evicts.
func (r *Ring[T]) Offer(v T) bool {
	if r.special {
		return r.OfferBatch([]T{v}) == 1
	}
	t := r.next
	if t-r.headSeen >= r.capacity {
		r.headSeen = position(r.head.Load()) // R
		if t-r.headSeen >= r.capacity {
			return false
		}
	}
	i := t & r.slotMask
	if i == 0 {
		r.enter(t)
	}
	r.filling.slots[i] = v
	r.publish(t + 1)
	return true
}

// OfferBatch appends as many of vs, from the first on, as there is room for, and
// returns how many that was. It never evicts.
func (r *Ring[T]) OfferBatch(vs []T) int {
	if r.ended {
		return 0
	}
	if r.sizeOf != nil {
		return r.offerSized(vs)
	}
	if r.next+uint64(len(vs))-r.headSeen > r.capacity {
		r.headSeen = position(r.head.Load()) // R
	}
	n := min(uint64(len(vs)), r.capacity-(r.next-r.headSeen))
	if n > 0 {
		r.fill(vs[:n])
	}
	return int(n)
}

// Evict takes out the n oldest elements, or all if there are fewer, appends them
// to evicted, oldest first, and returns the result. What the consumer takes at
// the same moment counts as taken out.
func (r *Ring[T]) Evict(n int, evicted []T) []T {
	h := position(r.head.Load())
	return r.evictTo(min(h+uint64(max(n, 0)), r.next), evicted)
}

// evictTo moves head to pos, or finds it there, and appends what it evicts. Each
// failed attempt means that the consumer took at least one of the elements below
// pos, so there are at most as many attempts as elements.
func (r *Ring[T]) evictTo(pos uint64, evicted []T) []T {
	for {
		w := r.head.Load() // R
		h := position(w)
		r.headSeen = h
		if h >= pos {
			return evicted
		}
		if r.ask.Load() != 0 {
			r.giveWay()
			continue
		}
		if r.moveHead(w, pos) {
			r.headSeen = pos
			r.releaseTo(pos)
			return r.collect(h, pos, evicted)
		}
	}
}

// collect appends the slots of [from, to), which the producer owns, to out and
// leaves them clear.
func (r *Ring[T]) collect(from, to uint64, out []T) []T {
	for from < to {
		slots := r.table[from>>r.shift&r.tableMask].Load().slots[from&r.slotMask:]
		slots = slots[:min(uint64(len(slots)), to-from)]
		out = append(out, slots...)
		r.clearSlots(slots)
		from += uint64(len(slots))
	}
	return out
}

func (r *Ring[T]) clearSlots(slots []T) {
	if !r.keepSlots {
		clear(slots)
	}
}

func (r *Ring[T]) refuse(n int) { r.refused += uint64(n) }
