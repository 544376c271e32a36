package frame

import (
	"encoding/binary"
	"slices"
)

// Fields are the parts of a frame to be encoded. The zero value of a field is a zero
// on the wire; Type must be set.
type Fields struct {
	Type      Type
	Flags     Flags
	Priority  uint8 // 0 is the lowest; NormalPriority where the sender has no wish
	Content   Content
	Topic     string // checked if not empty
	Extension []byte // see AppendExtension; taken as it is
	Payload   []byte
	Source    uint32
	ID        uint64
	Time      int64 // nanoseconds of CLOCK_MONOTONIC, see Now
	Sequence  uint64
}

// Append appends the frame that f describes to dst and returns the extended
// slice. It fails only where f cannot be encoded, with ErrType, ErrFlags,
// ErrPriority, ErrTopic, ErrExtension (too long) or ErrTooLarge, and returns dst as
// it was then.
func Append(dst []byte, f *Fields) ([]byte, error) {
	if err := f.check(); err != nil {
		return dst, err
	}
	start := len(dst)
	n := HeaderSize + len(f.Topic) + len(f.Extension) + len(f.Payload)
	dst = slices.Grow(dst, n)[:start+n]
	b := dst[start:]
	putHeader(b, f, n)
	b = b[HeaderSize:]
	b = b[copy(b, f.Topic):]
	b = b[copy(b, f.Extension):]
	copy(b, f.Payload)
	return dst, nil
}

// AppendControl appends the header of a frame that has neither topic nor
// extension, and a payload of payloadSize bytes that the caller appends next:
//
//	dst = frame.AppendControl(dst, frame.TypeGap, 0, 0, frame.GapSize)
//	dst = frame.AppendGap(dst, gap)
//
// It panics for a type that does not exist or a size that has no frame.
func AppendControl(dst []byte, t Type, id uint64, timeNs int64, payloadSize int) []byte {
	if !t.Known() || uint(payloadSize) > MaxSize-HeaderSize {
		panic("frame: control frame of " + t.String() + ": bad type or size")
	}
	start := len(dst)
	dst = slices.Grow(dst, HeaderSize+payloadSize)[:start+HeaderSize]
	b := dst[start:]
	clear(b)
	binary.LittleEndian.PutUint32(b[offLength:], uint32(HeaderSize+payloadSize))
	b[offVersion] = Version
	b[offType] = byte(t)
	b[offPriority] = NormalPriority
	binary.LittleEndian.PutUint64(b[offID:], id)
	binary.LittleEndian.PutUint64(b[offTime:], uint64(timeNs))
	return dst
}

// Template is the encoded beginning, header and topic, of frames that differ
// only in id, time, extension and payload. A publisher makes one with NewTemplate
// and appends every message with it. Templates are immutable and safe for
// concurrent use.
type Template struct{ head string }

// NewTemplate checks and encodes the type, flags, priority, content, topic and
// stamp of f; its other fields are not used. It fails as Append does.
func NewTemplate(f *Fields) (Template, error) {
	head := *f
	head.Extension, head.Payload = nil, nil
	b, err := Append(nil, &head)
	return Template{string(b)}, err
}

// Append appends one frame to dst and returns the extended slice. It allocates
// only to grow dst. It panics if ext is longer than MaxExtension or the frame than
// MaxSize, because what a connection admits is less, and the caller checks that. It
// panics for a Template that NewTemplate did not make.
func (t Template) Append(dst []byte, id uint64, timeNs int64, ext, payload []byte) []byte {
	start := len(dst)
	n := len(t.head) + len(ext) + len(payload)
	if len(ext) > MaxExtension || n > MaxSize || t.head == "" {
		panic("frame: append: no template, or extension or payload too large")
	}
	if cap(dst)-start < n {
		dst = slices.Grow(dst, n)
	}
	dst = dst[:start+n]
	b := dst[start:]
	copy(b, t.head)
	h := (*[HeaderSize]byte)(b) // one check of the length for all of them
	binary.LittleEndian.PutUint32(h[offLength:], uint32(n))
	binary.LittleEndian.PutUint16(h[offExtLen:], uint16(len(ext)))
	binary.LittleEndian.PutUint64(h[offID:], id)
	binary.LittleEndian.PutUint64(h[offTime:], uint64(timeNs))
	b = b[len(t.head):]
	if len(ext) > 0 {
		b = b[copy(b, ext):]
	}
	copy(b, payload)
	return dst
}

// Size returns how many bytes Append will take.
func (t Template) Size(ext, payload []byte) int { return len(t.head) + len(ext) + len(payload) }

// Flags returns the flags of the frames; 0 for a Template that NewTemplate did not
// make.
func (t Template) Flags() Flags {
	if t.head == "" {
		return 0
	}
	return Flags(t.head[offFlags])
}

// check finds a value that the header has no room for, or must not have.
func (f *Fields) check() error {
	switch {
	case !f.Type.Known():
		return errType
	case admits[f.Type]>>f.Flags&1 == 0:
		return errFlags
	case f.Priority > MaxPriority:
		return errPriority
	case len(f.Extension) > MaxExtension:
		return errExtensionTooLong
	case len(f.Payload) > MaxSize-HeaderSize-len(f.Topic)-len(f.Extension):
		return errTooLarge
	case f.Topic != "":
		return CheckTopic(f.Topic)
	}
	return nil
}

// putHeader writes the header of a frame of n bytes into b.
func putHeader(b []byte, f *Fields, n int) {
	_ = b[HeaderSize-1]
	binary.LittleEndian.PutUint32(b[offLength:], uint32(n))
	b[offVersion] = Version
	b[offType] = byte(f.Type)
	b[offFlags] = byte(f.Flags)
	b[offPriority] = f.Priority
	b[offTopicLen] = byte(len(f.Topic))
	b[offContent] = byte(f.Content)
	binary.LittleEndian.PutUint16(b[offExtLen:], uint16(len(f.Extension)))
	binary.LittleEndian.PutUint32(b[offSource:], f.Source)
	binary.LittleEndian.PutUint64(b[offID:], f.ID)
	binary.LittleEndian.PutUint64(b[offTime:], uint64(f.Time))
	binary.LittleEndian.PutUint64(b[offSequence:], f.Sequence)
}
