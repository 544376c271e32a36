package frame

import "strconv"

// Type is the purpose of a frame. The comment of each type names who sends it
// (C client, B broker; C→B→C is forwarded by the broker verbatim) and what its
// payload holds. PROTOCOL.md has a table for each, and a test compares both.
type Type uint8

// The types of frames.
const (
	TypeHello         Type = 1  // C      JSON Hello; the first frame of a connection
	TypeWelcome       Type = 2  // B      JSON Welcome; the answer to hello
	TypeSubscribe     Type = 3  // C      id = subscription, chosen by the client; JSON specification
	TypeUnsubscribe   Type = 4  // C      id = subscription; no payload
	TypeAck           Type = 5  // B      id = frame acknowledged; Ack: what came of it
	TypePublish       Type = 6  // C→B→C  topic; the message
	TypeStream        Type = 7  // B      Stream: to whom the publish and request frames that follow belong
	TypeGap           Type = 8  // B      Gap: exactly what a subscription lost, and why
	TypeRequest       Type = 9  // C→B→C  id = request; topic = target; deadline in the extension; the question
	TypeReply         Type = 10 // C→B→C  id = request; source = the requester; the answer, or Fault under FlagFailed
	TypeCancel        Type = 11 // C→B→C  id = request; no payload
	TypeNoResponder   Type = 12 // B      id = request; no payload
	TypeResponderDied Type = 13 // B      id = request; no payload
	TypeError         Type = 14 // B or C id = frame at fault; Fault
	TypePing          Type = 15 // B or C id and time are the sender's; no payload
	TypePong          Type = 16 // B or C id and time of the ping; no payload
	TypeDrain         Type = 17 // B or C the sender sends nothing more, but takes what is queued; no payload
	TypeGoodbye       Type = 18 // B or C Fault; the last frame before a deliberate close
	TypeCredit        Type = 19 // C B    Credit: what the program has taken of a subscription, and the client lost; of the broker: at how many it wants the next
	TypeSettle        Type = 20 // C      topic; number of a publisher: the broker answers when all that it published has been taken
	TypeSettled       Type = 21 // B      id = settle; Settled: what was taken and what was lost

	maxType = TypeSettled
)

// Flags are the bits of a frame's flags byte.
type Flags uint8

// The flags. Which of them a type admits is in the table below; bits that have
// no name here must be zero.
const (
	FlagS2          Flags = 1  // the payload is one s2 block
	FlagConfirm     Flags = 2  // publish: the broker answers with an Ack, and takes the flag off
	FlagRetain      Flags = 4  // publish: the broker keeps it as the topic's last value
	FlagFailed      Flags = 8  // reply: the payload is a Fault, not an answer
	FlagRedelivered Flags = 16 // publish: it was queued for another member of the group, which left; set by the broker alone
	FlagDrain       Flags = 32 // unsubscribe: what is queued is sent first; settle: the publisher ends

	// FlagCompressed has the bits of all compressions.
	FlagCompressed = FlagS2
)

// Content is what kind of bytes a payload is. The broker passes it on, values
// without a name here included.
type Content uint8

// The content types.
const (
	ContentOpaque  Content = 0 // bytes
	ContentEvent   Content = 1 // the agent's binary event layout
	ContentJSON    Content = 2
	ContentText    Content = 3 // UTF-8
	ContentMsgpack Content = 4
)

// Priorities run from 0 to MaxPriority; a sender that has no wish uses 5.
const (
	NormalPriority = 5
	MaxPriority    = 10
)

// kinds has name and flags of every type, by its number.
var kinds = [maxType + 1]struct {
	name  string
	flags Flags // those it admits
}{
	TypeHello:         {"hello", 0},
	TypeWelcome:       {"welcome", 0},
	TypeSubscribe:     {"subscribe", 0},
	TypeUnsubscribe:   {"unsubscribe", FlagDrain},
	TypeAck:           {"ack", 0},
	TypePublish:       {"publish", FlagCompressed | FlagConfirm | FlagRetain | FlagRedelivered},
	TypeStream:        {"stream", 0},
	TypeGap:           {"gap", 0},
	TypeRequest:       {"request", FlagCompressed},
	TypeReply:         {"reply", FlagCompressed | FlagFailed},
	TypeCancel:        {"cancel", 0},
	TypeNoResponder:   {"no-responder", 0},
	TypeResponderDied: {"responder-died", 0},
	TypeError:         {"error", 0},
	TypePing:          {"ping", 0},
	TypePong:          {"pong", 0},
	TypeDrain:         {"drain", 0},
	TypeGoodbye:       {"goodbye", 0},
	TypeCredit:        {"credit", 0},
	TypeSettle:        {"settle", FlagDrain},
	TypeSettled:       {"settled", 0},
}

// admits holds, for every value of the type byte, the set of flag bytes that
// may stand beside it: bit n for flags == n. Types that do not exist admit
// none, so that one load answers for type and flags together.
var admits = func() (sets [256]uint64) {
	for t := TypeHello; t <= maxType; t++ {
		for f := range Flags(64) {
			if f&^kinds[t].flags == 0 {
				sets[t] |= 1 << f
			}
		}
	}
	return sets
}()

// Known reports whether t is one of the types above.
func (t Type) Known() bool { return t-1 < maxType }

// Flags returns the flags that frames of type t may carry.
func (t Type) Flags() Flags {
	if !t.Known() {
		return 0
	}
	return kinds[t].flags
}

// String returns the name that PROTOCOL.md gives the type.
func (t Type) String() string {
	if !t.Known() {
		return "type " + strconv.Itoa(int(t))
	}
	return kinds[t].name
}
