package ring

// Stats is what has become of all that was pushed:
// Pushed = Popped + Evicted + Len.
type Stats struct {
	Pushed  uint64 // elements that got a sequence number
	Popped  uint64 // taken by the consumer
	Evicted uint64 // taken out by the producer
	Len     int    // queued
	Bytes   int64  // queued, by SizeOf
}

// Stats returns the counts. They always add up; while the ring is in use they
// may already be history.
func (r *Ring[T]) Stats() Stats {
	var s Stats
	for {
		w := r.head.Load()
		if w&1 == byProducer {
			s.Popped = r.popped.Load()
			s.Evicted = position(w) - s.Popped
		} else {
			s.Evicted = r.lost.Load()
			s.Popped = position(w) - s.Evicted
		}
		s.Pushed = r.tail.Load()
		s.Bytes = r.Bytes()
		if r.head.Load() == w {
			s.Len = int(s.Pushed - position(w))
			return s
		}
	}
}
