package frame

import (
	"encoding/binary"
	"fmt"
)

// Tags of the extension block. Each entry is a tag byte, a u16 length and that
// many bytes; entries with other tags are skipped.
const (
	TagCorrelation byte = 1  // correlation id
	TagParent      byte = 2  // correlation id of what caused the message
	TagRoot        byte = 3  // correlation id of where it all began
	TagSequence    byte = 4  // u64, place in a correlated series
	TagStage       byte = 5  // workflow stage
	TagTag         byte = 6  // u8 key length, key, value; may be repeated
	TagEventType   byte = 7  // type of the event in the payload
	TagPID         byte = 8  // u32, the process that the message is about
	TagMetadata    byte = 9  // u8 key length, key, value; may be repeated
	TagDeadline    byte = 10 // i64, nanoseconds of the broker's CLOCK_MONOTONIC, when the requester gives up

	// 11 is reserved, and skipped like an unknown one.
)

// Bounds of the extension's entries, in bytes or pieces.
const (
	MaxID       = 256  // correlation, parent and root id, event type
	MaxStage    = 128  // workflow stage
	MaxKey      = 128  // key of a tag or of metadata
	MaxValue    = 1024 // value of a tag or of metadata
	MaxTags     = 64
	MaxMetadata = 64
)

// entryHead is the length of an entry's tag and length.
const entryHead = 3

// What can be wrong with an extension; all are ErrExtension to errors.Is.
var (
	errEntryCut      = fmt.Errorf("%w: it ends inside an entry", ErrExtension)
	errEntryTooLong  = fmt.Errorf("%w: an entry is longer than its bound", ErrExtension)
	errEntryFixed    = fmt.Errorf("%w: a number has the wrong length", ErrExtension)
	errEntryKey      = fmt.Errorf("%w: a key is empty, too long or cut", ErrExtension)
	errEntryTwice    = fmt.Errorf("%w: an entry that may stand once stands twice", ErrExtension)
	errEntryTooMany  = fmt.Errorf("%w: more than %d tags or metadata", ErrExtension, MaxTags)
	errExtensionSize = fmt.Errorf("%w: longer than %d bytes", ErrExtension, MaxExtension)

	errExtensionUnwanted = fmt.Errorf("%w: this type of frame has none", ErrExtension)
)

// Extension is a view of a frame's extension block. Its methods allocate
// nothing, accept any bytes, and see the entries in front of the first that is
// cut off. Where an entry or a key stands more than once, the first counts.
type Extension []byte

// next splits off the first entry; ok is false at the end, and where an entry
// is cut.
func (x Extension) next() (tag byte, value []byte, rest Extension, ok bool) {
	if len(x) < entryHead {
		return 0, nil, nil, false
	}
	end := entryHead + int(binary.LittleEndian.Uint16(x[1:]))
	if end > len(x) {
		return 0, nil, nil, false
	}
	return x[0], x[entryHead:end:end], x[end:], true
}

// Walk calls visit for every entry until it returns false.
func (x Extension) Walk(visit func(tag byte, value []byte) bool) {
	for {
		tag, value, rest, ok := x.next()
		if !ok || !visit(tag, value) {
			return
		}
		x = rest
	}
}

// Lookup returns the value of the first entry with the tag.
func (x Extension) Lookup(tag byte) (value []byte, ok bool) {
	for {
		t, value, rest, ok := x.next()
		if !ok {
			return nil, false
		}
		if t == tag {
			return value, true
		}
		x = rest
	}
}

// LookupKey returns the value that TagTag or TagMetadata holds under a key.
func (x Extension) LookupKey(tag byte, key string) (value []byte, ok bool) {
	for {
		t, pair, rest, ok := x.next()
		if !ok {
			return nil, false
		}
		if t == tag {
			if k, v, ok := SplitPair(pair); ok && string(k) == key {
				return v, true
			}
		}
		x = rest
	}
}

// Deadline returns the entry TagDeadline.
func (x Extension) Deadline() (ns int64, ok bool) {
	v, ok := x.Lookup(TagDeadline)
	if !ok || len(v) != 8 {
		return 0, false
	}
	return int64(binary.LittleEndian.Uint64(v)), true
}

// Sequence returns the entry TagSequence.
func (x Extension) Sequence() (n uint64, ok bool) {
	v, ok := x.Lookup(TagSequence)
	if !ok || len(v) != 8 {
		return 0, false
	}
	return binary.LittleEndian.Uint64(v), true
}

// PID returns the entry TagPID.
func (x Extension) PID() (pid uint32, ok bool) {
	v, ok := x.Lookup(TagPID)
	if !ok || len(v) != 4 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(v), true
}

// SplitPair takes the value of a TagTag or TagMetadata entry apart.
func SplitPair(entry []byte) (key, value []byte, ok bool) {
	if len(entry) < 1 || len(entry) < 1+int(entry[0]) {
		return nil, nil, false
	}
	end := 1 + int(entry[0])
	return entry[1:end:end], entry[end:], true
}

// CheckExtension checks that b is a series of whole entries, that those with a
// known tag keep their bounds, and that none stands twice which may stand once.
// Errors are allocated once and are ErrExtension to errors.Is.
func CheckExtension(b []byte) error {
	if len(b) > MaxExtension {
		return errExtensionSize
	}
	var seen uint32
	var tags, metadata int
	for x := Extension(b); len(x) > 0; {
		tag, value, rest, ok := x.next()
		if !ok {
			return errEntryCut
		}
		x = rest
		if err := checkEntry(tag, value); err != nil {
			return err
		}
		switch tag {
		case TagTag:
			tags++
		case TagMetadata:
			metadata++
		default:
			if tag < TagCorrelation || tag > TagDeadline {
				continue // unknown: it may repeat
			}
			bit := uint32(1) << tag
			if seen&bit != 0 {
				return errEntryTwice
			}
			seen |= bit
		}
	}
	if tags > MaxTags || metadata > MaxMetadata {
		return errEntryTooMany
	}
	return nil
}

// checkEntry holds one entry against its bounds.
func checkEntry(tag byte, value []byte) error {
	switch tag {
	case TagCorrelation, TagParent, TagRoot, TagEventType:
		return within(value, MaxID)
	case TagStage:
		return within(value, MaxStage)
	case TagSequence, TagDeadline:
		return exactly(value, 8)
	case TagPID:
		return exactly(value, 4)
	case TagTag, TagMetadata:
		key, v, ok := SplitPair(value)
		if !ok || len(key) == 0 || len(key) > MaxKey {
			return errEntryKey
		}
		return within(v, MaxValue)
	}
	return nil
}

func within(value []byte, bound int) error {
	if len(value) > bound {
		return errEntryTooLong
	}
	return nil
}

func exactly(value []byte, size int) error {
	if len(value) != size {
		return errEntryFixed
	}
	return nil
}
