package ring

// Stats says what became of all that was pushed:
//
//	Pushed = Popped + Evicted + Len
type Stats struct {
	Pushed  uint64 // elements that got a place, and with it a sequence number
	Popped  uint64 // claimed by the consumer
	Evicted uint64 // taken out by the producer
	Refused uint64 // handed back by a push without having had a place: closed, or over the byte budget alone
	Len     int    // queued now
	Bytes   int64  // SizeOf of what is queued now
}

// Stats returns the counts. They add up; while the ring is in use they may be a
// little old, and exact afterwards.
//
// No counter is touched when an element passes: tail is what was pushed, head what
// was popped or evicted, and the one number that splits head is written by the side
// whose turn ends: as long as the consumer keeps moving head it is lost, as long as
// the producer does it is popped.
func (r *Ring[T]) Stats() Stats {
	var s Stats
	for range 100 {
		w := r.head.Load()
		h := position(w)
		if mover(w) == byProducer {
			s.Popped = min(r.popped.Load(), h)
			s.Evicted = h - s.Popped
		} else {
			s.Evicted = min(r.lost.Load(), h)
			s.Popped = h - s.Evicted
		}
		s.Len = int(min(r.tail.Load()-h, r.capacity))
		s.Pushed = h + uint64(s.Len)
		if r.head.Load() == w {
			break
		}
	}
	s.Refused = r.refused.Load()
	s.Bytes = r.Bytes()
	return s
}
