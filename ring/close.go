package ring

import "errors"

// ErrClosed is what Wait returns when the ring is closed and drained.
var ErrClosed = errors.New("ring: closed")

// Close declares that nothing more will be pushed, and wakes the consumer, which
// drains what is queued and then learns of the end. Close does not block, and a second
// call does nothing. What is pushed later comes back to the caller.
func (p *Producer[T]) Close() {
	p.mustBeMade()
	if p.closed.Load() {
		return
	}
	p.plain = false
	p.limit = p.next     // the fast paths end here
	p.closed.Store(true) // C
	p.signal.Notify()
}
