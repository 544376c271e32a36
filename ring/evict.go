package ring

// Evict takes out the n oldest elements, or all if there are fewer, appends them
// to evicted, oldest first, and returns the result. An element that the consumer
// takes in the meantime counts as taken out. Evict works after Close too.
func (p *Producer[T]) Evict(n int, evicted []T) []T {
	p.mustBeMade()
	h := position(p.head.Load()) // R
	return p.evictTo(min(h+uint64(max(n, 0)), p.next), evicted)
}

// evictTo moves head to pos, or finds it there, and appends what it evicts. Each
// attempt that fails means that the consumer took at least one element below pos,
// so there are at most as many attempts as elements.
func (p *Producer[T]) evictTo(pos uint64, evicted []T) []T {
	for {
		w := p.head.Load() // R
		h := position(w)
		p.cachedHead = max(h, pos)
		if h >= pos {
			return evicted
		}
		if mover(w) == byConsumer || p.wantsTurn.Load() {
			p.noteClaim(w)
		}
		if p.moveHead(w, pos) {
			p.countEvicted(pos)
			return p.collect(h, pos, evicted)
		}
	}
}

// moveHead tries to evict what lies between the position of word w and pos. If
// that succeeds those slots are the producer's. If it fails then only the
// consumer can have moved head, and there is room.
func (p *Producer[T]) moveHead(w, pos uint64) bool {
	if !p.head.CompareAndSwap(w, headWord(pos, byProducer)) { // R
		return false
	}
	p.evictedTotal += pos - position(w)
	return true
}

// noteClaim precedes an eviction at head word w if the consumer moved head last, or if
// it wants a turn. It keeps what w shows of the consumer's last claim, and gives way.
func (p *Producer[T]) noteClaim(w uint64) {
	if mover(w) == byConsumer {
		p.pinned = p.lastClaim(w)
		p.popped.Store(position(w) - p.evictedTotal)
	}
	if p.wantsTurn.Load() {
		p.wantsTurn.Store(false)
		pause(2 * pauseLoops) // about as long as the consumer needs to win a race for head
	}
}

// collect appends the slots of [from, to), which the producer owns, to out.
func (p *Producer[T]) collect(from, to uint64, out []T) []T {
	for from < to {
		slots := p.chunkOf(from).slots[from&p.slotMask:]
		slots = slots[:min(uint64(len(slots)), to-from)]
		out = append(out, slots...)
		p.clearSlots(slots)
		from += uint64(len(slots))
	}
	return out
}
