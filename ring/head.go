package ring

// A head word is a position and, in bit 0, which side moved it there. The bit
// spares both sides a counter in the way of every element: see Stats.
const (
	byConsumer = 0
	byProducer = 1
)

func headWord(pos, mover uint64) uint64 { return pos<<1 | mover }

func position(word uint64) uint64 { return word >> 1 }

func mover(word uint64) uint64 { return word & 1 }
