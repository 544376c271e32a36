package frame

import (
	"encoding/binary"
	"slices"
)

// Correlation ties messages to each other.
type Correlation struct {
	ID          string
	Parent      string
	Root        string
	Sequence    uint64
	HasSequence bool // zero is a sequence too
	Stage       string
	Tags        map[string]string
}

// Meta is an extension block as Go values. Zero values take no room on the wire.
type Meta struct {
	Correlation
	EventType string
	PID       uint32
	Metadata  map[string]string
	Deadline  int64 // CLOCK_MONOTONIC ns; 0 is none
}

// AppendExtension appends m as an extension block, tags and metadata in the
// order of their keys, so that equal metas are equal bytes. It fails with
// ErrExtension, and returns dst as it was, where a bound is exceeded. It
// allocates only to grow dst.
func AppendExtension(dst []byte, m *Meta) ([]byte, error) {
	if len(m.Tags) > MaxTags || len(m.Metadata) > MaxMetadata {
		return dst, errEntryTooMany
	}
	w := metaWriter{b: dst}
	w.text(TagCorrelation, m.ID, MaxID)
	w.text(TagParent, m.Parent, MaxID)
	w.text(TagRoot, m.Root, MaxID)
	if m.HasSequence {
		w.head(TagSequence, 8)
		w.b = binary.LittleEndian.AppendUint64(w.b, m.Sequence)
	}
	w.text(TagStage, m.Stage, MaxStage)
	w.pairs(TagTag, m.Tags)
	w.text(TagEventType, m.EventType, MaxID)
	if m.PID != 0 {
		w.head(TagPID, 4)
		w.b = binary.LittleEndian.AppendUint32(w.b, m.PID)
	}
	w.pairs(TagMetadata, m.Metadata)
	if m.Deadline != 0 {
		w.head(TagDeadline, 8)
		w.b = binary.LittleEndian.AppendUint64(w.b, uint64(m.Deadline))
	}
	if w.err == nil && len(w.b)-len(dst) > MaxExtension {
		w.err = errExtensionSize
	}
	if w.err != nil {
		return dst, w.err
	}
	return w.b, nil
}

// metaWriter appends entries; the first error sticks.
type metaWriter struct {
	b   []byte
	err error
}

func (w *metaWriter) head(tag byte, size int) {
	w.b = append(w.b, tag, byte(size), byte(size>>8))
}

func (w *metaWriter) text(tag byte, s string, bound int) {
	if s == "" {
		return
	}
	if len(s) > bound {
		w.err = errEntryTooLong
		return
	}
	w.head(tag, len(s))
	w.b = append(w.b, s...)
}

func (w *metaWriter) pairs(tag byte, m map[string]string) {
	if len(m) == 0 {
		return
	}
	// There are at most 64 keys, so that they can be sorted on the stack.
	var room [max(MaxTags, MaxMetadata)]string
	keys := room[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		v := m[k]
		switch {
		case k == "" || len(k) > MaxKey:
			w.err = errEntryKey
			return
		case len(v) > MaxValue:
			w.err = errEntryTooLong
			return
		}
		w.head(tag, 1+len(k)+len(v))
		w.b = append(w.b, byte(len(k)))
		w.b = append(w.b, k...)
		w.b = append(w.b, v...)
	}
}

// ParseMeta checks an extension block as CheckExtension does and copies its values.
// Strings are bytes as they came, and need not be UTF-8.
func ParseMeta(b []byte) (Meta, error) {
	var m Meta
	if err := CheckExtension(b); err != nil {
		return m, err
	}
	Extension(b).Walk(func(tag byte, v []byte) bool {
		switch tag {
		case TagCorrelation:
			m.ID = string(v)
		case TagParent:
			m.Parent = string(v)
		case TagRoot:
			m.Root = string(v)
		case TagSequence:
			m.Sequence, m.HasSequence = binary.LittleEndian.Uint64(v), true
		case TagStage:
			m.Stage = string(v)
		case TagTag:
			m.Tags = addPair(m.Tags, v)
		case TagEventType:
			m.EventType = string(v)
		case TagPID:
			m.PID = binary.LittleEndian.Uint32(v)
		case TagMetadata:
			m.Metadata = addPair(m.Metadata, v)
		case TagDeadline:
			m.Deadline = int64(binary.LittleEndian.Uint64(v))
		}
		return true
	})
	return m, nil
}

// addPair keeps the first value of a key, as LookupKey does.
func addPair(m map[string]string, entry []byte) map[string]string {
	k, v, ok := SplitPair(entry)
	if !ok {
		return m
	}
	if m == nil {
		m = make(map[string]string)
	}
	if _, twice := m[string(k)]; !twice {
		m[string(k)] = string(v)
	}
	return m
}
