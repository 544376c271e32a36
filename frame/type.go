package frame

import "strconv"

// Type says what a frame is for. The comment of each type names who sends it
// (C client, B broker; C→B→C is forwarded by the broker verbatim) and what its
// payload holds. PROTOCOL.md has a table for each, and a test compares both.
type Type uint8

// The types of frames.
const (
	TypeHello         Type = 1  // C      JSON Hello; the first frame of a connection
	TypeWelcome       Type = 2  // B      JSON Welcome; the answer to hello
	TypeSubscribe     Type = 3  // C      id = subscription, chosen by the client; JSON specification
	TypeUnsubscribe   Type = 4  // C      id = subscription; no payload
	TypeAck           Type = 5  // B      id = frame acknowledged; u64 broker sequence at that point
	TypePublish       Type = 6  // C→B→C  topic; the message
	TypeStream        Type = 7  // B      Stream: to whom the publish and request frames that follow belong
	TypeGap           Type = 8  // B      Gap: exactly what a subscription lost, and why
	TypeRequest       Type = 9  // C→B→C  id = request; topic = target; deadline in the extension; the question
	TypeReply         Type = 10 // C→B→C  id = request; source = the requester; the answer, or Failure under FlagFailed
	TypeCancel        Type = 11 // C→B→C  id = request; no payload
	TypeNoResponder   Type = 12 // B      id = request; no payload
	TypeResponderDied Type = 13 // B      id = request; no payload
	TypeError         Type = 14 // B or C id = frame at fault; ErrorBody
	TypePing          Type = 15 // B or C id and time are the sender's; no payload
	TypePong          Type = 16 // B or C id and time of the ping; no payload
	TypeDrain         Type = 17 // B or C the sender sends nothing more, but takes what is queued; no payload
	TypeGoodbye       Type = 18 // B or C Goodbye; the last frame before a deliberate close

	maxType = TypeGoodbye
)

// Flags are the bits of a frame's flags byte.
type Flags uint8

// The flags. Which of them a type admits is in the table below; bits that have
// no name here must be zero.
const (
	FlagS2          Flags = 1 << iota // the payload is one s2 block
	FlagZstd                          // the payload is one zstd frame that states its content size
	FlagRetain                        // publish: the broker keeps it as the topic's last value
	FlagFailed                        // reply: the payload is a Failure, not an answer
	FlagRedelivered                   // publish: it was queued for another member of the group, which left; set by the broker alone
	FlagDrain                         // unsubscribe: what is queued is sent first

	// FlagCompressed has both compression bits; a frame carries at most one.
	FlagCompressed = FlagS2 | FlagZstd
)

// Content tells a reader how to take a payload. The broker passes it through,
// values without a name here included.
type Content uint8

// The content types.
const (
	ContentOpaque  Content = 0 // bytes
	ContentEvent   Content = 1 // the agent's binary event layout
	ContentJSON    Content = 2
	ContentText    Content = 3 // UTF-8
	ContentMsgpack Content = 4
)

// Priorities run from 0 to MaxPriority; 5 is what a sender without a wish uses.
const (
	NormalPriority = 5
	MaxPriority    = 10
)

// kinds has what is known of every type, by its number.
var kinds = [maxType + 1]struct {
	name       string
	fromClient bool
	fromBroker bool
	flags      Flags // those it admits
}{
	TypeHello:         {"hello", true, false, 0},
	TypeWelcome:       {"welcome", false, true, 0},
	TypeSubscribe:     {"subscribe", true, false, 0},
	TypeUnsubscribe:   {"unsubscribe", true, false, FlagDrain},
	TypeAck:           {"ack", false, true, 0},
	TypePublish:       {"publish", true, true, FlagCompressed | FlagRetain | FlagRedelivered},
	TypeStream:        {"stream", false, true, 0},
	TypeGap:           {"gap", false, true, 0},
	TypeRequest:       {"request", true, true, FlagCompressed},
	TypeReply:         {"reply", true, true, FlagCompressed | FlagFailed},
	TypeCancel:        {"cancel", true, true, 0},
	TypeNoResponder:   {"no-responder", false, true, 0},
	TypeResponderDied: {"responder-died", false, true, 0},
	TypeError:         {"error", true, true, 0},
	TypePing:          {"ping", true, true, 0},
	TypePong:          {"pong", true, true, 0},
	TypeDrain:         {"drain", true, true, 0},
	TypeGoodbye:       {"goodbye", true, true, 0},
}

// admits holds, for every value of the type byte, the set of flag bytes that
// may stand beside it: bit n for flags == n. Types that do not exist admit
// none, so that one load answers for type and flags together.
var admits = func() (sets [256]uint64) {
	for t := TypeHello; t <= maxType; t++ {
		for f := range Flags(64) {
			if f&^kinds[t].flags == 0 && f&FlagCompressed != FlagCompressed {
				sets[t] |= 1 << f
			}
		}
	}
	return sets
}()

// Known reports whether t is one of the types above.
func (t Type) Known() bool { return t-1 < maxType }

// FromClient reports whether a client may send frames of type t.
func (t Type) FromClient() bool { return t.Known() && kinds[t].fromClient }

// FromBroker reports whether a broker may send frames of type t.
func (t Type) FromBroker() bool { return t.Known() && kinds[t].fromBroker }

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
