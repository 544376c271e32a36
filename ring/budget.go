package ring

import "sync/atomic"

// span is the stretch of bytes that one element takes in the stream of all that
// was ever pushed. The queued bytes are then one subtraction, however many
// elements there are and whoever took the others.
type span struct{ before, after int64 }

// bytes holds the cursors of that stream for those who only look.
type bytes struct {
	pushed  atomic.Int64 // written by the producer: the end of the newest element
	evicted atomic.Int64 // written by the producer: the end of the last element evicted
	taken   atomic.Int64 // written by the consumer: the end of the last element claimed
}

// Bytes returns the sum of SizeOf over what is queued, and 0 without SizeOf.
// While the ring is in use it is an estimate.
func (r *Ring[T]) Bytes() int64 {
	done := max(r.bytes.taken.Load(), r.bytes.evicted.Load())
	return max(r.bytes.pushed.Load()-done, 0)
}

func (r *Ring[T]) span(pos uint64) *span {
	return &r.table[pos>>r.shift&r.tableMask].Load().spans[pos&r.slotMask]
}

// queued returns the bytes of [h, next).
func (r *Ring[T]) queued(h uint64) int64 {
	if h >= r.next {
		return 0
	}
	return r.bytes.pushed.Load() - r.span(h).before
}

// pushSized is PushBatch for a ring that counts bytes.
func (r *Ring[T]) pushSized(vs []T, evicted []T) []T {
	for i := range vs {
		size := int64(r.sizeOf(&vs[i]))
		if r.maxBytes > 0 && size > r.maxBytes {
			r.refuse(1)
			evicted = append(evicted, vs[i])
			continue
		}
		for !r.fits(size) {
			evicted = r.evictTo(r.firstThatFits(size), evicted)
		}
		r.writeSized(vs[i], size)
	}
	return evicted
}

// offerSized is OfferBatch for a ring that counts bytes.
func (r *Ring[T]) offerSized(vs []T) int {
	for i := range vs {
		size := int64(r.sizeOf(&vs[i]))
		if !r.fits(size) {
			return i
		}
		r.writeSized(vs[i], size)
	}
	return len(vs)
}

// fits reports whether one more element of size bytes is within all bounds.
func (r *Ring[T]) fits(size int64) bool {
	r.headSeen = position(r.head.Load()) // R
	return r.fitsAfter(r.headSeen, size)
}

func (r *Ring[T]) fitsAfter(h uint64, size int64) bool {
	return r.next-h < r.capacity && (r.maxBytes == 0 || r.queued(h)+size <= r.maxBytes)
}

// firstThatFits returns where head has to be for size bytes more.
func (r *Ring[T]) firstThatFits(size int64) uint64 {
	h := r.headSeen
	for h < r.next && !r.fitsAfter(h, size) {
		h++
	}
	return h
}

func (r *Ring[T]) writeSized(v T, size int64) {
	t := r.next
	i := t & r.slotMask
	if i == 0 {
		r.enter(t)
	}
	before := r.bytes.pushed.Load()
	r.filling.slots[i] = v
	r.filling.spans[i] = span{before, before + size}
	r.bytes.pushed.Store(before + size)
	r.publish(t + 1)
}

// releaseTo books everything below pos as evicted. The producer owns pos-1.
func (r *Ring[T]) releaseTo(pos uint64) {
	if r.sizeOf != nil {
		r.bytes.evicted.Store(r.span(pos - 1).after)
	}
}
