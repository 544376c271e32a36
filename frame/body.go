package frame

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

// Lane is one of the two queues that a subscription has in the broker.
type Lane uint8

// The lanes. Urgent messages (control, requests, health, alerts) go first and
// have capacity of their own.
const (
	LaneBulk   Lane = 0
	LaneUrgent Lane = 1
)

// String returns the lane's name.
func (l Lane) String() string {
	switch l {
	case LaneBulk:
		return "bulk"
	case LaneUrgent:
		return "urgent"
	}
	return "lane " + strconv.Itoa(int(l))
}

// Reason is why messages were lost.
type Reason uint8

// The reasons of a gap.
const (
	ReasonDropOldest Reason = 1 // the queue was full, its oldest went
	ReasonDropNewest Reason = 2 // the queue was full, the new ones were not taken
	ReasonConflated  Reason = 3 // a newer value of the same topic took their place
	ReasonMemory     Reason = 4 // the broker's memory limit
	ReasonReplay     Reason = 5 // the replay asked for begins earlier than what is kept
	ReasonConnection Reason = 6 // the connection was lost, and they with it
	ReasonInflate    Reason = 7 // compressed, for a subscriber that inflates nothing, and not inflatable
	ReasonClient     Reason = 8 // the client's own queue was full: in statistics, and in gaps that a client makes itself
)

var reasons = [...]string{
	ReasonDropOldest: "queue full, oldest dropped",
	ReasonDropNewest: "queue full, newest dropped",
	ReasonConflated:  "conflated",
	ReasonMemory:     "memory limit",
	ReasonReplay:     "replay expired",
	ReasonConnection: "connection lost",
	ReasonInflate:    "payload cannot be inflated",
	ReasonClient:     "queue of the client full",
}

// String returns the reason in words.
func (r Reason) String() string {
	if r == 0 || int(r) >= len(reasons) {
		return "reason " + strconv.Itoa(int(r))
	}
	return reasons[r]
}

// Sizes of the payloads that have a fixed one. A longer payload is accepted and
// what is behind the known fields ignored, so that fields can be added.
const (
	AckSize    = 20
	StreamSize = 17
	GapSize    = 42
	CreditSize = 41

	SettleSize  = 8
	SettledSize = 21
)

// MaxText bounds the text of errors and goodbyes in bytes; longer texts are cut
// when they are written and refused when they are read.
const MaxText = 1024

// The errors of the Parse functions, one for each cause.
var (
	errAck     = &DecodeError{"ack", HeaderSize, ErrBody}
	errCredit  = &DecodeError{"credit", HeaderSize, ErrBody}
	errSettle  = &DecodeError{"settle", HeaderSize, ErrBody}
	errSettled = &DecodeError{"settled", HeaderSize, ErrBody}
	errStream  = &DecodeError{"stream", HeaderSize, ErrBody}
	errGap     = &DecodeError{"gap", HeaderSize, ErrBody}
	errError   = &DecodeError{"error", HeaderSize, ErrBody}
	errGoodbye = &DecodeError{"goodbye", HeaderSize, ErrBody}
	errFailure = &DecodeError{"failure", HeaderSize, ErrBody}
)

// Ack is the payload of an ack frame: what came of a subscribe, an unsubscribe, or
// a publish with FlagConfirm.
type Ack struct {
	// Sequence is the broker's when a subscription took effect, or that of the
	// message published; 0 for unsubscribe.
	Sequence uint64
	// Queue is the capacity that the subscription's bulk lane got, in messages; 0
	// where the broker does not report.
	Queue uint32
	// Window bounds how many messages of the bulk lane are on their way to the
	// program, see Credit; 0 is no bound.
	Window uint32
	// Matched is how many subscriptions the message was for.
	Matched uint32
}

// AppendAck appends the payload of an ack frame, AckSize bytes.
func AppendAck(dst []byte, a Ack) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, a.Sequence)
	dst = binary.LittleEndian.AppendUint32(dst, a.Queue)
	dst = binary.LittleEndian.AppendUint32(dst, a.Window)
	return binary.LittleEndian.AppendUint32(dst, a.Matched)
}

// ParseAck reads the payload of an ack frame; it fails with ErrBody. A broker
// without the later fields ends the payload behind the sequence.
func ParseAck(payload []byte) (a Ack, err error) {
	switch {
	case len(payload) >= AckSize:
		a.Queue = binary.LittleEndian.Uint32(payload[8:])
		a.Window = binary.LittleEndian.Uint32(payload[12:])
		a.Matched = binary.LittleEndian.Uint32(payload[16:])
	case len(payload) < 8:
		return a, errAck
	}
	a.Sequence = binary.LittleEndian.Uint64(payload)
	return a, nil
}

// Stream is the payload of a stream frame. The publish and request frames that
// follow on this connection belong to Subscription and Lane; the first of them has
// the number Next, and each one after it has one more.
type Stream struct {
	Subscription uint64
	Next         uint64
	Lane         Lane
}

// AppendStream appends the payload of a stream frame, StreamSize bytes.
func AppendStream(dst []byte, s Stream) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, s.Subscription)
	dst = binary.LittleEndian.AppendUint64(dst, s.Next)
	return append(dst, byte(s.Lane))
}

// ParseStream reads the payload of a stream frame; it fails with ErrBody.
func ParseStream(payload []byte) (s Stream, err error) {
	if len(payload) < StreamSize || payload[16] > byte(LaneUrgent) {
		return s, errStream
	}
	return Stream{
		Subscription: binary.LittleEndian.Uint64(payload),
		Next:         binary.LittleEndian.Uint64(payload[8:]),
		Lane:         Lane(payload[16]),
	}, nil
}

// Gap is the payload of a gap frame: what a subscription lost, exactly. Count is
// Last-First+1. A Count of 0 means that the broker does not know how many messages
// were lost before the one numbered First; Last is First then.
type Gap struct {
	Subscription uint64
	First        uint64 // number of the first message lost, in its lane
	Last         uint64 // number of the last one
	Count        uint64 // messages lost
	Bytes        uint64 // the length of their frames
	Lane         Lane
	Reason       Reason
}

// AppendGap appends the payload of a gap frame, GapSize bytes.
func AppendGap(dst []byte, g Gap) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, g.Subscription)
	dst = binary.LittleEndian.AppendUint64(dst, g.First)
	dst = binary.LittleEndian.AppendUint64(dst, g.Last)
	dst = binary.LittleEndian.AppendUint64(dst, g.Count)
	dst = binary.LittleEndian.AppendUint64(dst, g.Bytes)
	return append(dst, byte(g.Lane), byte(g.Reason))
}

// ParseGap reads the payload of a gap frame; it fails with ErrBody. A reason
// without a name here is of a later version, and good.
func ParseGap(payload []byte) (g Gap, err error) {
	if len(payload) < GapSize || payload[40] > byte(LaneUrgent) {
		return g, errGap
	}
	g = Gap{
		Subscription: binary.LittleEndian.Uint64(payload),
		First:        binary.LittleEndian.Uint64(payload[8:]),
		Last:         binary.LittleEndian.Uint64(payload[16:]),
		Count:        binary.LittleEndian.Uint64(payload[24:]),
		Bytes:        binary.LittleEndian.Uint64(payload[32:]),
		Lane:         Lane(payload[40]),
		Reason:       Reason(payload[41]),
	}
	// By subtraction, because Last-First+1 may be 0 in 64 bits.
	if g.First > g.Last || g.Count > 0 && g.Count-1 != g.Last-g.First || g.Count == 0 && g.First != g.Last {
		return Gap{}, errGap
	}
	return g, nil
}

// cut shortens text to MaxText bytes, at the end of a character, and replaces
// what is not UTF-8.
func cut(text string) string {
	if !utf8.ValidString(text) {
		text = string([]rune(text))
	}
	if len(text) <= MaxText {
		return text
	}
	n := MaxText
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

func badText(text []byte) bool { return len(text) > MaxText || !utf8.Valid(text) }
