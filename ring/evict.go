package ring

// Evict takes out the n oldest elements, or all if there are fewer, appends them
// to evicted, oldest first, and returns the result. An element that the consumer
// takes in the meantime counts as taken out. The producer calls it, also after
// Close.
func (r *Ring[T]) Evict(n int, evicted []T) []T {
	h := position(r.head.Load()) // R
	return r.evictTo(min(h+uint64(max(n, 0)), r.next), evicted)
}

// evictTo moves head to pos, or finds it there, and appends what it evicts. Each
// attempt that fails means that the consumer took at least one element below pos,
// so there are at most as many attempts as elements.
func (r *Ring[T]) evictTo(pos uint64, evicted []T) []T {
	for {
		w := r.head.Load() // R
		h := position(w)
		r.headSeen = max(h, pos)
		if h >= pos {
			return evicted
		}
		if mover(w) == byConsumer || r.ask.Load() {
			r.noteConsumer(w)
		}
		if r.moveHead(w, pos) {
			r.countEvicted(pos)
			return r.collect(h, pos, evicted)
		}
	}
}

// moveHead tries to evict what lies between the position of word w and pos. If
// that succeeds those slots are the producer's. If it fails then only the
// consumer can have moved head, and there is room.
func (r *Ring[T]) moveHead(w, pos uint64) bool {
	if !r.head.CompareAndSwap(w, headWord(pos, byProducer)) { // R
		return false
	}
	r.evicted += pos - position(w)
	return true
}

// noteConsumer comes before an eviction at head word w, if the consumer was the last to
// move head or if it asked for time. It keeps what the word says of the consumer.
func (r *Ring[T]) noteConsumer(w uint64) {
	if mover(w) == byConsumer {
		r.pinned = r.lastClaim(w)
		r.popped.Store(position(w) - r.evicted)
	}
	if r.ask.Load() {
		r.ask.Store(false)
		pause(2 * pauseLoops) // about as long as the consumer needs to win a race for head
	}
}

// collect appends the slots of [from, to), which the producer owns, to out.
func (r *Ring[T]) collect(from, to uint64, out []T) []T {
	for from < to {
		slots := r.chunkOf(from).slots[from&r.slotMask:]
		slots = slots[:min(uint64(len(slots)), to-from)]
		out = append(out, slots...)
		r.clearSlots(slots)
		from += uint64(len(slots))
	}
	return out
}
