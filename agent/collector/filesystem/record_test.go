package filesystem

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// info appends an information record.
func info(b []byte, kind byte, body []byte) []byte {
	b = append(b, kind, 0)
	b = binary.NativeEndian.AppendUint16(b, uint16(infoHead+len(body)))
	return append(b, body...)
}

// place is the body of a record about a name in a directory.
func place(fsid byte, handle []byte, name string) []byte {
	b := []byte{fsid, 0, 0, 0, 0, 0, 0, 0}
	b = binary.NativeEndian.AppendUint32(b, uint32(len(handle)))
	b = binary.NativeEndian.AppendUint32(b, 1)
	b = append(append(b, handle...), name...)
	return append(b, make([]byte, 4-len(b)%4)...)
}

// metadata appends a whole record.
func metadata(b []byte, mask uint64, pid uint32, infos []byte) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(metadataSize+len(infos)))
	b = append(b, unix.FANOTIFY_METADATA_VERSION, 0)
	b = binary.NativeEndian.AppendUint16(b, metadataSize)
	b = binary.NativeEndian.AppendUint64(b, mask)
	b = binary.NativeEndian.AppendUint32(b, ^uint32(0))
	b = binary.NativeEndian.AppendUint32(b, pid)
	return append(b, infos...)
}

func pidfd(fd int32) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(fd)) }

func TestARecordOfFanotify(t *testing.T) {
	handle := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	b := metadata(nil, unix.FAN_CREATE, 4711, info(info(nil, unix.FAN_EVENT_INFO_TYPE_DFID_NAME, place(9, handle, "a\nb")), unix.FAN_EVENT_INFO_TYPE_PIDFD, pidfd(33)))
	b = metadata(b, unix.FAN_RENAME, 1, info(info(info(nil, unix.FAN_EVENT_INFO_TYPE_OLD_DFID_NAME, place(9, handle, "old")),
		unix.FAN_EVENT_INFO_TYPE_NEW_DFID_NAME, place(9, handle, "new")), unix.FAN_EVENT_INFO_TYPE_PIDFD, pidfd(unix.FAN_NOPIDFD)))
	b = metadata(b, unix.FAN_Q_OVERFLOW, 0, info(nil, 200, []byte("from a later kernel")))

	first, rest, err := nextRecord(b)
	if err != nil || first.mask != unix.FAN_CREATE || first.pid != 4711 || first.pidfd != 33 || string(first.place.name) != "a\nb" || first.place.fsid[0] != 9 || first.previous.known {
		t.Errorf("%+v, %v", first, err)
	}
	if diff := cmp.Diff(handle, first.place.handle[handleHead:]); diff != "" {
		t.Errorf("handle (-want +got):\n%s", diff)
	}
	second, rest, err := nextRecord(rest)
	if err != nil || string(second.place.name) != "new" || string(second.previous.name) != "old" || second.pidfd != -1 {
		t.Errorf("%+v, %v", second, err)
	}
	third, rest, err := nextRecord(rest)
	if err != nil || third.mask != unix.FAN_Q_OVERFLOW || len(rest) != 0 {
		t.Errorf("%+v, %v", third, err)
	}
}

func TestRecordsThatMakeNoSense(t *testing.T) {
	whole := metadata(nil, unix.FAN_CREATE, 1, info(nil, unix.FAN_EVENT_INFO_TYPE_DFID_NAME, place(1, []byte{1, 2, 3, 4}, "x")))
	change := func(at int, v ...byte) []byte {
		b := append([]byte(nil), whole...)
		copy(b[at:], v)
		return b
	}
	for name, b := range map[string][]byte{
		"cut":                             whole[:len(whole)-1],
		"nothing but a head":              whole[:metadataSize-1],
		"a length of 0":                   change(0, 0, 0, 0, 0),
		"a length beyond all":             change(0, 255, 255, 255, 127),
		"another version":                 change(4, 99),
		"a head longer than the record":   change(6, 255, 0),
		"an information without a length": change(metadataSize+2, 0, 0),
		"an information beyond the end":   change(metadataSize+2, 255, 0),
		"a handle beyond the end":         change(metadataSize+infoHead+fsidSize, 255, 255, 255, 255),
		"a descriptor that is cut":        metadata(nil, 0, 0, info(nil, unix.FAN_EVENT_INFO_TYPE_PIDFD, []byte{1})),
		"a place that is cut":             metadata(nil, 0, 0, info(nil, unix.FAN_EVENT_INFO_TYPE_DFID, []byte{1, 2})),
		"a name without an end":           metadata(nil, 0, 0, info(nil, unix.FAN_EVENT_INFO_TYPE_DFID_NAME, append(place(1, nil, "")[:16], "abc"...))),
	} {
		if r, _, err := nextRecord(b); !errors.Is(err, errRecord) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// FuzzRecords: whatever comes, what is left gets shorter, and nothing leads out of it.
func FuzzRecords(f *testing.F) {
	f.Add(metadata(nil, unix.FAN_CREATE, 1, info(nil, unix.FAN_EVENT_INFO_TYPE_DFID_NAME, place(1, []byte{1, 2, 3, 4}, "x"))))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		for rest := b; len(rest) > 0; {
			_, next, err := nextRecord(rest)
			if err != nil {
				break
			}
			if len(next) >= len(rest) {
				t.Fatalf("%d bytes of %d are left", len(next), len(rest))
			}
			rest = next
		}
		i := &inotify{trees: &trees{}, fd: -1, paths: map[int32]string{1: "/"}, wds: map[string]int32{"/": 1}, moved: map[uint32]moved{}}
		_, _ = i.parse(b, func(c *change) {
			if c.path == "" || c.path[0] != '/' {
				t.Fatalf("path %q", c.path)
			}
		})
	})
}
