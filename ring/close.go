package ring

import "errors"

// ErrClosed is returned by Wait when the ring is closed and drained.
var ErrClosed = errors.New("ring: closed")

// Close says that nothing more will be pushed. It does not block, and may be
// called twice. What is queued stays for the consumer, which then learns of the
// end; a consumer that waits is woken. It belongs to the producer.
func (r *Ring[T]) Close() {
	if r.ended {
		return
	}
	r.ended, r.special, r.limit = true, true, r.next
	r.closed.Store(true) // C
	r.signal.Notify()
}

// Closed reports whether Close was called. Elements may still be queued.
func (r *Ring[T]) Closed() bool { return r.closed.Load() }

// lastLoss reports what was evicted after the last claim of a closed ring.
func (r *Ring[T]) lastLoss() Batch[T] {
	h := position(r.head.Load())
	if h != r.tail.Load() {
		return Batch[T]{}
	}
	lost := h - r.taken
	if lost > 0 {
		r.taken = h
		r.lostSum += lost
	}
	return Batch[T]{Seq: h, Lost: lost}
}
