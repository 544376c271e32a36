package network

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// message builds a message about a socket, with attributes behind it.
func message(s *socket, attributes ...[]byte) []byte {
	ne, be := binary.NativeEndian, binary.BigEndian
	b := make([]byte, diagSize)
	b[offFamily], b[offState] = unix.AF_INET, s.state
	copy(b[offLocal:], s.local.Addr().AsSlice())
	copy(b[offRemote:], s.remote.Addr().AsSlice())
	if s.local.Addr().Is6() {
		b[offFamily] = unix.AF_INET6
	}
	be.PutUint16(b[offSource:], s.local.Port())
	be.PutUint16(b[offDest:], s.remote.Port())
	ne.PutUint64(b[offCookie:], s.cookie)
	ne.PutUint32(b[offUID:], s.uid)
	ne.PutUint32(b[offInode:], s.inode)
	for _, a := range attributes {
		b = append(b, a...)
	}
	head := ne.AppendUint32(nil, uint32(netlinkHead+len(b)))
	head = ne.AppendUint16(head, unix.SOCK_DIAG_BY_FAMILY)
	head = append(head, make([]byte, netlinkHead-6)...)
	return append(head, b...)
}

func attribute(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, align(len(b))-len(b))...)
}

func tcpInfo(sent, again, received uint64) []byte {
	b := make([]byte, unsafe.Sizeof(unix.TCPInfo{}))
	ne := binary.NativeEndian
	ne.PutUint64(b[unsafe.Offsetof(unix.TCPInfo{}.Bytes_sent):], sent)
	ne.PutUint64(b[unsafe.Offsetof(unix.TCPInfo{}.Bytes_retrans):], again)
	ne.PutUint64(b[unsafe.Offsetof(unix.TCPInfo{}.Bytes_received):], received)
	return b
}

func address4(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

func TestASocket(t *testing.T) {
	want := socket{
		protocol: unix.IPPROTO_TCP, state: stateEstablished, cookie: 1<<40 | 7, local: address4(4711), remote: address4(80), uid: 1000, inode: 33,
		traffic: traffic{known: true, sent: 90, received: 5},
	}
	b := message(&want, attribute(attributeProtocol, []byte{unix.IPPROTO_TCP}), attribute(99, []byte("later")), attribute(attributeInfo, tcpInfo(100, 10, 5)))
	b = append(b, message(&socket{local: netip.MustParseAddrPort("[::ffff:10.0.0.1]:1"), remote: netip.MustParseAddrPort("[2001:db8::1]:2")}, attribute(attributeInfo, make([]byte, 100)))...)
	kind, _, body, rest, err := nextMessage(b)
	if err != nil || kind != unix.SOCK_DIAG_BY_FAMILY {
		t.Fatal(kind, err)
	}
	if got, err := parseSocket(body); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	_, _, body, rest, err = nextMessage(rest)
	if err != nil || len(rest) != 0 {
		t.Fatal(len(rest), err)
	}
	got, err := parseSocket(body)
	if err != nil || got.local.String() != "10.0.0.1:1" || got.remote.String() != "[2001:db8::1]:2" || got.traffic.known {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMessagesThatMakeNoSense(t *testing.T) {
	whole := message(&socket{local: address4(1), remote: address4(2)})
	for name, b := range map[string][]byte{
		"nothing":             {},
		"cut in the head":     whole[:netlinkHead-1],
		"cut in the body":     whole[:len(whole)-1],
		"a length of 0":       append([]byte{0, 0, 0, 0}, whole[4:]...),
		"a length beyond all": append([]byte{255, 255, 255, 127}, whole[4:]...),
	} {
		if _, _, _, _, err := nextMessage(b); !errors.Is(err, errMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	body := whole[netlinkHead:]
	family := append([]byte(nil), body...)
	family[offFamily] = 99
	for name, b := range map[string][]byte{
		"cut":                      body[:diagSize-1],
		"another family":           family,
		"an attribute without end": append(append([]byte(nil), body...), 255, 0, 2, 0),
		"an attribute of nothing":  append(append([]byte(nil), body...), 0, 0, 2, 0),
	} {
		if s, err := parseSocket(b); !errors.Is(err, errMessage) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

// FuzzMessages: whatever comes, what is left gets shorter, and nothing leads out of it.
func FuzzMessages(f *testing.F) {
	f.Add(message(&socket{local: address4(1), remote: address4(2)}, attribute(attributeInfo, tcpInfo(1, 2, 3))))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			_, _, body, rest, err := nextMessage(b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatalf("%d bytes of %d are left", len(rest), len(b))
			}
			if s, err := parseSocket(body); err == nil && !s.local.Addr().IsValid() {
				t.Fatalf("%+v", s)
			}
			b = rest
		}
	})
}

func TestLinksOfSockets(t *testing.T) {
	for link, want := range map[string]uint32{
		"socket:[4711]": 4711, "socket:[]": 0, "socket:[x]": 0, "socket:[1": 0, "pipe:[1]": 0, "/etc/socket:[1]": 0, "socket:[4294967296]": 0,
	} {
		if got, ok := parseLink(link); ok != (want != 0) || ok && got != want {
			t.Errorf("%s: %d, %v", link, got, ok)
		}
	}
}
