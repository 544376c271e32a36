package frame

import "encoding/binary"

// Frame is a view of exactly one whole frame: the bytes themselves, with
// methods that read the fields where they lie. It borrows what it was decoded
// from and is valid as long as that is.
//
// Frames come from Next, or are what Append and Template.Append wrote. Methods
// may panic on other bytes. Reading is safe for concurrent use; a goroutine that
// calls a setter must be the only one that uses the frame.
type Frame []byte

// header returns the frame's header. One check of the length does for all of its fields.
func (f Frame) header() *[HeaderSize]byte { return (*[HeaderSize]byte)(f) }

// Type returns what the frame is for.
func (f Frame) Type() Type { return Type(f[offType]) }

// Flags returns the flags byte.
func (f Frame) Flags() Flags { return Flags(f[offFlags]) }

// Priority returns the priority, 0 to MaxPriority.
func (f Frame) Priority() uint8 { return f[offPriority] }

// Content returns what kind of bytes the payload is.
func (f Frame) Content() Content { return Content(f[offContent]) }

// Source returns the id of the connection that sent the frame, as the broker stamped
// it. In a reply on its way to the broker it is the connection that the reply is for.
func (f Frame) Source() uint32 { return binary.LittleEndian.Uint32(f[offSource:]) }

// ID returns the sender's id of the message, request, subscription or ping.
func (f Frame) ID() uint64 { return binary.LittleEndian.Uint64(f[offID:]) }

// Time returns when the frame was sent, in nanoseconds of the broker's
// CLOCK_MONOTONIC, see ClockOffset.
func (f Frame) Time() int64 { return int64(binary.LittleEndian.Uint64(f[offTime:])) }

// Sequence returns the broker's sequence, as stamped by the broker.
func (f Frame) Sequence() uint64 { return binary.LittleEndian.Uint64(f[offSequence:]) }

// Topic returns the topic. Its syntax has not been checked, see CheckTopic.
func (f Frame) Topic() []byte {
	end := offTopic + int(f.header()[offTopicLen])
	return f[offTopic:end:end]
}

// ExtensionSize returns how long the extension block is, 0 where there is none.
func (f Frame) ExtensionSize() int { return int(binary.LittleEndian.Uint16(f.header()[offExtLen:])) }

// Extension returns the extension block. It has not been checked, see
// CheckExtension.
func (f Frame) Extension() Extension {
	start := offTopic + int(f.header()[offTopicLen])
	end := start + f.ExtensionSize()
	return Extension(f[start:end:end])
}

// Payload returns everything behind the extension, as it is on the wire: see
// Inflate for a payload that is compressed.
func (f Frame) Payload() []byte {
	return f[offTopic+int(f.header()[offTopicLen])+f.ExtensionSize():]
}

// Stamp writes the two fields that only the broker may fill, in place.
func (f Frame) Stamp(source uint32, sequence uint64) {
	_ = f[HeaderSize-1]
	binary.LittleEndian.PutUint32(f[offSource:], source)
	binary.LittleEndian.PutUint64(f[offSequence:], sequence)
}

// SetFlags replaces the flags byte: a publisher marks a payload that Compress
// made smaller with it.
func (f Frame) SetFlags(flags Flags) { f[offFlags] = byte(flags) }
