package ring

// A head word is a position and, in bit 0, which side moved it there. The bit is the pin:
// as long as the consumer moved head last, its claim lies just before the position, and
// the producer, when it moves head on, notes where that was. It also spares both sides a
// counter (Stats).
const (
	byConsumer = 0
	byProducer = 1
)

func headWord(pos, mover uint64) uint64 { return pos<<1 | mover }

func position(word uint64) uint64 { return word >> 1 }

func mover(word uint64) uint64 { return word & 1 }
