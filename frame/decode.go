package frame

import "encoding/binary"

// Next returns the first frame of b as a view; len(f) is how many bytes it
// took. It reads nothing behind the frame, allocates nothing, and accepts any
// bytes and any maxSize, which MaxSize bounds in turn: what is not a frame gives
// an error.
//
// The errors, all allocated once:
//   - ErrIncomplete: b is the beginning of a frame; read on and ask again.
//   - a *DecodeError with a nil f, over ErrVersion, ErrLength or ErrTooLarge:
//     where the next frame begins is unknown, the stream is lost. It is
//     reported as soon as the bytes that prove it are there.
//   - a *DecodeError with the whole offending frame in f, over ErrType, ErrFlags
//     or ErrPriority: the stream may go on behind it, and an answer can name
//     f.ID().
//
// Next checks the header, that is all that routing by topic needs. CheckTopic,
// CheckExtension and the Parse functions check what they are named after, and
// Frame.Check all of it.
func Next(b []byte, maxSize int) (f Frame, err error) {
	if len(b) >= HeaderSize {
		n := uint64(binary.LittleEndian.Uint32(b))
		h := binary.LittleEndian.Uint64(b[offVersion:])
		body := HeaderSize + h>>shiftTopicLen&0xff + h>>shiftExtLen
		if uint8(h) == Version &&
			body <= n && n <= bound(maxSize) && n <= uint64(len(b)) &&
			admits[uint8(h>>shiftType)]>>(uint8(h>>shiftFlags))&1 != 0 &&
			uint8(h>>shiftPriority) <= MaxPriority {
			return Frame(b[:n:n]), nil
		}
	}
	return refuse(b, maxSize)
}

// bound is the length that a frame may have where the caller admits maxSize.
func bound(maxSize int) uint64 { return uint64(min(max(maxSize, 0), MaxSize)) }

// Need returns how long the frame will be that Next called incomplete, and 0
// while that is not known yet: for whoever wants memory of the right size for
// it. The answer keeps the limit that Next was given, for a length above it is
// refused as soon as it is known.
func Need(incomplete []byte) int {
	if len(incomplete) <= offVersion {
		return 0
	}
	return int(binary.LittleEndian.Uint32(incomplete))
}

// refuse says why b does not begin with a whole, good frame. It looks only at
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
// whose payload has a layout. It is what a reader calls that trusts nobody; a
// router checks a topic once and remembers the answer.
func (f Frame) Check() error {
	topic, ext := f.Topic(), f.Extension()
	switch t := f.Type(); {
	case t == TypePublish, t == TypeRequest:
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
