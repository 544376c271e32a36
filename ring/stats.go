package ring

// Stats counts what became of all that was pushed:
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
// No element changes a counter. tail is the number of elements that were pushed, and
// head the number that were popped or evicted. One more number splits head. While the
// consumer keeps moving head, that number is lost, which the consumer writes after a
// run of evictions. While the producer keeps moving it, the number is popped, which the
// producer writes after a run of claims.
func (s *shared[T]) Stats() Stats {
	var n Stats
	for range 100 {
		w := s.head.Load()
		h := position(w)
		if mover(w) == byProducer {
			n.Popped = min(s.popped.Load(), h)
			n.Evicted = h - n.Popped
		} else {
			n.Evicted = min(s.lost.Load(), h)
			n.Popped = h - n.Evicted
		}
		n.Len = int(min(s.tail.Load()-h, s.capacity))
		n.Pushed = h + uint64(n.Len)
		if s.head.Load() == w {
			break
		}
	}
	n.Refused = s.refused.Load()
	n.Bytes = s.Bytes()
	return n
}
