package frame

import "encoding/binary"

// AppendSettle appends the payload of a settle frame, SettleSize bytes: the number
// that the client gave the publisher.
func AppendSettle(dst []byte, publisher uint64) []byte {
	return binary.LittleEndian.AppendUint64(dst, publisher)
}

// ParseSettle reads the payload of a settle frame; it fails with ErrBody.
func ParseSettle(payload []byte) (publisher uint64, err error) {
	if len(payload) < SettleSize {
		return 0, errSettle
	}
	return binary.LittleEndian.Uint64(payload), nil
}

// Settled is the payload of a settled frame: what became of the messages that were
// queued, when the settle came, for the subscriptions of its topic. Each of them has
// been taken by a program, or is among those that Lost counts.
type Settled struct {
	// Subscriptions is how many there are.
	Subscriptions uint32
	// Queue is the capacity of the smallest of their queues, in messages; 0 without a
	// subscription.
	Queue uint32
	// Lost is how many messages the subscriptions have lost since the publisher's last
	// settled, of this publisher or of others.
	Lost uint64
	// Left is how many of the subscriptions ended since then, before their program had
	// taken all. What it had not taken is among Lost.
	Left uint32
	// Begins means that the broker did not know the publisher. It counts from here on,
	// and does not know what became of what was published before.
	Begins bool
}

// AppendSettled appends the payload of a settled frame, SettledSize bytes.
func AppendSettled(dst []byte, s Settled) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, s.Subscriptions)
	dst = binary.LittleEndian.AppendUint32(dst, s.Queue)
	dst = binary.LittleEndian.AppendUint64(dst, s.Lost)
	dst = binary.LittleEndian.AppendUint32(dst, s.Left)
	if s.Begins {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// ParseSettled reads the payload of a settled frame; it fails with ErrBody.
func ParseSettled(payload []byte) (s Settled, err error) {
	if len(payload) < SettledSize || payload[20] > 1 {
		return s, errSettled
	}
	return Settled{
		Subscriptions: binary.LittleEndian.Uint32(payload),
		Queue:         binary.LittleEndian.Uint32(payload[4:]),
		Lost:          binary.LittleEndian.Uint64(payload[8:]),
		Left:          binary.LittleEndian.Uint32(payload[16:]),
		Begins:        payload[20] == 1,
	}, nil
}
