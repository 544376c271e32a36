package frame

import "encoding/binary"

// Credit is the payload of a credit frame: what became of the messages of one
// subscription and lane that the client got from this connection, in totals since
// the connection's subscribe. A total makes a report that is late or lost harmless:
// the next one has all that it had.
//
// With the reports the broker bounds what waits for a subscriber in all, and its
// statistics are those of the program's hand: of the messages that it sent, those
// that are neither consumed nor lost are on their way.
type Credit struct {
	Subscription  uint64
	Consumed      uint64 // messages that the program has taken
	ConsumedBytes uint64 // the length of their frames
	Lost          uint64 // messages that the program will never see: the client's own queue was full, say
	LostBytes     uint64
	Lane          Lane
}

// AppendCredit appends the payload of a credit frame, CreditSize bytes.
func AppendCredit(dst []byte, c Credit) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, c.Subscription)
	dst = binary.LittleEndian.AppendUint64(dst, c.Consumed)
	dst = binary.LittleEndian.AppendUint64(dst, c.ConsumedBytes)
	dst = binary.LittleEndian.AppendUint64(dst, c.Lost)
	dst = binary.LittleEndian.AppendUint64(dst, c.LostBytes)
	return append(dst, byte(c.Lane))
}

// ParseCredit reads the payload of a credit frame; it fails with ErrBody. Whether
// the totals can be true is for the broker to decide, which knows what it sent.
func ParseCredit(payload []byte) (c Credit, err error) {
	if len(payload) < CreditSize || payload[40] > byte(LaneUrgent) {
		return c, errCredit
	}
	return Credit{
		Subscription:  binary.LittleEndian.Uint64(payload),
		Consumed:      binary.LittleEndian.Uint64(payload[8:]),
		ConsumedBytes: binary.LittleEndian.Uint64(payload[16:]),
		Lost:          binary.LittleEndian.Uint64(payload[24:]),
		LostBytes:     binary.LittleEndian.Uint64(payload[32:]),
		Lane:          Lane(payload[40]),
	}, nil
}

// CreditWindow returns how many messages may be on their way to a subscriber whose
// queue holds so many: half of them, at least one. From 1000 on the answer is 0, no
// bound: a queue of that size bounds what the broker keeps, and the messages beside
// it in the socket and the client are few against it.
func CreditWindow(queue int) int {
	if queue >= 1000 {
		return 0
	}
	return max(1, queue/2)
}

// CreditDue reports whether a client must send a credit now: it has settled, that is
// consumed or lost, so many messages of a lane with that window since its last one.
// Half of the window, rounded up, leaves the broker room to send meanwhile.
func CreditDue(settled uint64, window uint32) bool {
	return window > 0 && settled >= (uint64(window)+1)/2
}
