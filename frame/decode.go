package frame

import "encoding/binary"

// Next returns the first frame of b as a view; len(f) is how many bytes it
// took. It reads nothing behind the frame, allocates nothing, and accepts any
// bytes and any maxSize: bytes that are no frame give an error, and no frame is
// longer than MaxSize.
//
// The errors, all allocated once:
//   - ErrIncomplete: b is the beginning of a frame; read more, and call Next again.
//   - a *DecodeError with a nil f, over ErrVersion, ErrLength or ErrTooLarge:
//     the stream is lost, because nobody knows where the next frame begins. Next
//     reports it as soon as the bytes that prove it are there.
//   - a *DecodeError with the whole frame that is at fault in f, over ErrType,
//     ErrFlags or ErrPriority: the stream may go on behind it, and an answer can
//     name f.ID().
//
// Next checks the header, because routing by topic needs no more. CheckTopic,
// CheckExtension and the Parse functions check what they are named after, and
// Frame.Check all of it.
func Next(b []byte, maxSize int) (f Frame, err error) {
	if len(b) >= HeaderSize {
		n := uint64(binary.LittleEndian.Uint32(b))
		h := binary.LittleEndian.Uint64(b[offVersion:])
		body := HeaderSize + h>>shiftTopicLen&0xff + h>>shiftExtLen
		if uint8(h) == Version &&
			body <= n && n <= MaxSize && int(n) <= maxSize && n <= uint64(len(b)) &&
			admits[uint8(h>>shiftType)]>>(uint8(h>>shiftFlags))&1 != 0 &&
			uint8(h>>shiftPriority) <= MaxPriority {
			return Frame(b[:n:n]), nil
		}
	}
	return refuse(b, maxSize)
}

// bound returns how long a frame may be where the caller admits maxSize.
func bound(maxSize int) uint64 { return uint64(min(max(maxSize, 0), MaxSize)) }

// Need returns how long the frame will be that Next called incomplete, so that the
// caller can take memory of the right size. It returns 0 while the length has not
// come. The answer is within the limit that Next was given, because Next refuses a
// length above it as soon as it is there.
func Need(incomplete []byte) int {
	if len(incomplete) <= offVersion {
		return 0
	}
	return int(binary.LittleEndian.Uint32(incomplete))
}

// refuse returns why b does not begin with a whole, good frame. It looks only at
// fields that are complete, and in an order that makes the answer independent
// of how much has come: a longer b never changes a fault into another.
func refuse(b []byte, maxSize int) (Frame, error) {
	if len(b) <= offVersion {
		return nil, ErrIncomplete // without the version the length means nothing
	}
	if b[offVersion] != Version {
		return nil, errVersion
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	if n < HeaderSize {
		return nil, errLengthShort
	}
	if n > bound(maxSize) {
		return nil, errTooLarge
	}
	if len(b) > offTopicLen && n < HeaderSize+uint64(b[offTopicLen]) {
		return nil, errLengthTopic
	}
	if len(b) >= offSource {
		body := HeaderSize + uint64(b[offTopicLen]) + uint64(binary.LittleEndian.Uint16(b[offExtLen:]))
		if n < body {
			return nil, errLengthExtension
		}
	}
	if uint64(len(b)) < n {
		return nil, ErrIncomplete
	}
	f := Frame(b[:n:n])
	switch {
	case !f.Type().Known():
		return f, errType
	case admits[f.Type()]>>f.Flags()&1 == 0:
		return f, errFlags
	default:
		return f, errPriority
	}
}

// Check goes on where Next stopped: topic, extension, and the payload of types
// whose payload has a layout; the specification of a subscription is the broker's to
// check. A reader that trusts nobody calls it. A broker does less, because it checks
// a topic once and remembers the answer.
func (f Frame) Check() error {
	topic, ext := f.Topic(), f.Extension()
	switch t := f.Type(); {
	case t == TypePublish, t == TypeRequest, t == TypeSettle:
		if len(ext) > 0 && t == TypeSettle {
			return errExtensionUnwanted
		}
		if err := CheckTopic(topic); err != nil {
			return err
		}
	case len(topic) > 0:
		return errTopicUnwanted
	case len(ext) > 0 && t != TypeReply:
		return errExtensionUnwanted
	}
	if err := CheckExtension(ext); err != nil {
		return err
	}
	return f.checkBody()
}

func (f Frame) checkBody() (err error) {
	p := f.Payload()
	switch f.Type() {
	case TypeHello:
		_, err = ParseHello(p)
	case TypeWelcome:
		_, err = ParseWelcome(p)
	case TypeAck:
		_, err = ParseAck(p)
	case TypeStream:
		_, err = ParseStream(p)
	case TypeCredit:
		_, err = ParseCredit(p)
	case TypeSettle:
		_, err = ParseSettle(p)
	case TypeSettled:
		_, err = ParseSettled(p)
	case TypeGap:
		_, err = ParseGap(p)
	case TypeReply:
		if f.Flags()&FlagFailed != 0 && f.Flags()&FlagCompressed == 0 {
			_, err = ParseFailure(p)
		}
	case TypeError:
		_, err = ParseError(p)
	case TypeGoodbye:
		_, err = ParseGoodbye(p)
	}
	return err
}
