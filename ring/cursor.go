package ring

// A head word is a position and, in bit 0, who moved it there. The bit costs
// nothing on the way of an element and saves both sides a counter of their own.
const (
	byConsumer = 0
	byProducer = 1
)

func headWord(pos uint64, mover uint64) uint64 { return pos<<1 | mover }

func position(word uint64) uint64 { return word >> 1 }
