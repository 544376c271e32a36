package filter

import (
	"encoding/binary"

	"github.com/daemoneye/eventbus/frame"
)

// Needs states what filters look at of a message beside its priority.
type Needs uint8

// What filters look at. Correlation is all of the extension.
const (
	EventType Needs = 1 << iota
	PID
	Correlation
)

// Message is what filters ask of a message, found once for all of them. It is a view: it
// is valid as long as the frame is. The zero Message is ready for Parse.
type Message struct {
	priority       uint8
	eventType, pid []byte

	// with Correlation
	id, parent, root, stage    []byte
	sequence                   []byte
	parentIsOther, rootIsOther bool // than id
	ext                        frame.Extension
	tags, metadata             [maxPairs]uint16 // where each entry's value begins in ext
	tagCount, metadataCount    int
}

// maxPairs is how many tags, and how many metadata, a message may have.
const maxPairs = max(frame.MaxTags, frame.MaxMetadata)

// Parse finds out what filters with these needs ask of f. Nothing else of m is valid
// afterwards.
func (m *Message) Parse(f frame.Frame, needs Needs) {
	m.priority = f.Priority()
	switch {
	case needs&Correlation != 0:
		m.parseAll(f.Extension())
		return
	case needs == 0:
		return
	}
	ext := f.Extension()
	if needs&EventType != 0 {
		m.eventType, _ = ext.Lookup(frame.TagEventType)
	}
	if needs&PID != 0 {
		m.pid, _ = ext.Lookup(frame.TagPID)
	}
}

// entryHead is the length of an entry's tag and length.
const entryHead = 3

func (m *Message) parseAll(ext frame.Extension) {
	m.id, m.parent, m.root, m.stage, m.eventType, m.pid, m.sequence = nil, nil, nil, nil, nil, nil, nil
	m.tagCount, m.metadataCount = 0, 0
	m.ext = ext
	for at := entryHead; at <= len(ext); {
		end := at + int(binary.LittleEndian.Uint16(ext[at-2:]))
		if end > len(ext) {
			break
		}
		m.entry(ext[at-entryHead], ext[at:end:end], uint16(at))
		at = end + entryHead
	}
	if m.root == nil {
		m.root = m.id // a message without a root is its own
	}
	m.parentIsOther = m.parent != nil && !same(m.parent, m.id)
	m.rootIsOther = m.root != nil && !same(m.root, m.id) && !same(m.root, m.parent)
}

// same reports whether other is there and has the bytes of id.
func same(id, other []byte) bool { return other != nil && string(id) == string(other) }

func (m *Message) entry(tag byte, value []byte, at uint16) {
	switch tag {
	case frame.TagCorrelation:
		m.id = value
	case frame.TagParent:
		m.parent = value
	case frame.TagRoot:
		m.root = value
	case frame.TagStage:
		m.stage = value
	case frame.TagEventType:
		m.eventType = value
	case frame.TagPID:
		m.pid = value
	case frame.TagSequence:
		m.sequence = value
	case frame.TagTag:
		if m.tagCount < maxPairs {
			m.tags[m.tagCount] = at
			m.tagCount++
		}
	case frame.TagMetadata:
		if m.metadataCount < maxPairs {
			m.metadata[m.metadataCount] = at
			m.metadataCount++
		}
	}
}

// Pairs returns how many tags and metadata the message has, which a filter on them looks
// at one by one. It was parsed for Correlation.
func (m *Message) Pairs() int { return m.tagCount + m.metadataCount }

// pair returns the key and the value of an entry that begins at.
func (m *Message) pair(at uint16) (key, value []byte, ok bool) {
	return frame.SplitPair(m.ext[at : int(at)+int(binary.LittleEndian.Uint16(m.ext[at-2:]))])
}
