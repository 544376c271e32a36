package ring

import "errors"

// ErrClosed is what Wait returns when the ring is closed and drained.
var ErrClosed = errors.New("ring: closed")

// Close says that nothing more will be pushed, and wakes the consumer, which drains
// what is queued and then learns of the end. The producer calls it. It does not block,
// and the second call does nothing; what is pushed later comes back to who pushes it.
func (r *Ring[T]) Close() {
	if r.ended {
		return
	}
	r.ended = true
	r.limit = r.next     // the fast paths end here
	r.closed.Store(true) // C
	r.signal.Notify()
}

// Closed reports whether Close was called. Elements may still be queued.
func (r *Ring[T]) Closed() bool { return r.closed.Load() }

// lastLoss accounts for what was evicted after the last claim of a closed ring.
func (r *Ring[T]) lastLoss() Batch[T] {
	if !r.closed.Load() { // C
		return Batch[T]{}
	}
	h := position(r.head.Load()) // R
	if r.look(h) {
		return Batch[T]{}
	}
	lost := h - r.taken
	r.taken = h
	r.lostSum += lost
	return Batch[T]{Seq: h, Lost: lost}
}
