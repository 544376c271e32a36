package filesystem

import (
	"bytes"
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// Layout of a record: struct fanotify_event_metadata, then information records, each with
// a head of type (u8), padding (u8) and length (u16).
const (
	metadataSize = 24
	infoHead     = 4
	fsidSize     = 8
	handleHead   = 8 // length of the handle (u32) and its type (i32)
)

var errRecord = errors.New("fanotify: a record that makes no sense")

// record is one record of fanotify. Its bytes are borrowed.
type record struct {
	mask     uint64
	pid      uint32
	pidfd    int   // -1 for none
	place    entry // where it happened; of a rename the new place
	previous entry // of a rename
}

// entry is a name in a directory, which is known by a handle.
type entry struct {
	fsid   [fsidSize]byte
	handle []byte // with its head
	name   []byte // empty, or ".", for the directory itself
	known  bool
}

// nextRecord parses the first record of b and returns what follows it.
func nextRecord(b []byte) (r record, rest []byte, err error) {
	ne := binary.NativeEndian
	r.pidfd = -1
	if len(b) < metadataSize {
		return r, nil, errRecord
	}
	length, head := int(ne.Uint32(b)), int(ne.Uint16(b[6:]))
	if b[4] != unix.FANOTIFY_METADATA_VERSION || head < metadataSize || length < head || length > len(b) {
		return r, nil, errRecord
	}
	r.mask, r.pid = ne.Uint64(b[8:]), ne.Uint32(b[20:])
	for info := b[head:length]; len(info) > 0; {
		if len(info) < infoHead {
			return r, nil, errRecord
		}
		n := int(ne.Uint16(info[2:]))
		if n < infoHead || n > len(info) {
			return r, nil, errRecord
		}
		if !r.take(info[0], info[infoHead:n]) {
			return r, nil, errRecord
		}
		info = info[n:]
	}
	return r, b[length:], nil
}

// take takes an information record into account, and reports whether it makes sense.
// Kinds that are not asked for count as read.
func (r *record) take(kind byte, b []byte) bool {
	switch kind {
	case unix.FAN_EVENT_INFO_TYPE_PIDFD:
		if len(b) < 4 {
			return false
		}
		if fd := int32(binary.NativeEndian.Uint32(b)); fd >= 0 {
			r.pidfd = int(fd)
		}
	case unix.FAN_EVENT_INFO_TYPE_DFID_NAME, unix.FAN_EVENT_INFO_TYPE_NEW_DFID_NAME, unix.FAN_EVENT_INFO_TYPE_DFID:
		return r.place.parse(b)
	case unix.FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
		return r.previous.parse(b)
	}
	return true
}

// parse reads the id of a filesystem, a handle, and a name that ends with a NUL.
func (e *entry) parse(b []byte) bool {
	if len(b) < fsidSize+handleHead {
		return false
	}
	copy(e.fsid[:], b)
	b = b[fsidSize:]
	n := int(binary.NativeEndian.Uint32(b))
	if n < 0 || n > len(b)-handleHead {
		return false
	}
	e.handle, b = b[:handleHead+n], b[handleHead+n:]
	name, _, ended := bytes.Cut(b, []byte{0})
	if !ended && len(b) > 0 {
		return false
	}
	e.name, e.known = name, true
	return true
}
