package network

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Layout of struct inet_diag_msg, behind the head of netlink. Ports and addresses are in
// network order.
const (
	netlinkHead = 16
	diagSize    = 72

	offFamily = 0
	offState  = 1
	offSource = 4  // port, u16
	offDest   = 6  // port, u16
	offLocal  = 8  // address, 16 bytes
	offRemote = 24 // address, 16 bytes
	offCookie = 44 // u64
	offUID    = 64
	offInode  = 68
)

// States of a socket: include/net/tcp_states.h.
const (
	stateEstablished = 1
	stateSynSent     = 2
	stateSynReceived = 3
	stateFinWait2    = 5
	stateTimeWait    = 6
	stateClose       = 7 // of UDP: not connected
	stateListen      = 10
	stateNewReceived = 12
)

// socket is what the kernel reports of one socket.
type socket struct {
	protocol      uint8
	state         uint8
	cookie        uint64 // of the socket, in this run of the kernel
	local, remote netip.AddrPort
	uid           uint32
	inode         uint32 // 0 when no descriptor leads to it any more
	traffic       traffic
}

// traffic is what went through a connection, as far as it is known.
type traffic struct {
	known          bool
	sent, received uint64 // bytes; the end of the other side may count as one
	acked          uint64 // of ours by the other side, of which the begin of the connection is one
}

// refused reports whether the other side never agreed to a connection that we opened.
func (t *traffic) refused() bool { return t.known && t.acked == 0 }

var errMessage = errors.New("sock_diag: a message that makes no sense")

// nextMessage splits the first message of netlink off b. flags are those of its head.
func nextMessage(b []byte) (kind, flags uint16, body, rest []byte, err error) {
	ne := binary.NativeEndian
	if len(b) < netlinkHead {
		return 0, 0, nil, nil, errMessage
	}
	n := int(ne.Uint32(b))
	if n < netlinkHead || n > len(b) {
		return 0, 0, nil, nil, errMessage
	}
	return ne.Uint16(b[4:]), ne.Uint16(b[6:]), b[netlinkHead:n], b[min(align(n), len(b)):], nil
}

func align(n int) int { return (n + 3) &^ 3 }

// parseSocket reads a socket from the body of a message.
func parseSocket(b []byte) (s socket, err error) {
	if len(b) < diagSize {
		return s, errMessage
	}
	ne, be := binary.NativeEndian, binary.BigEndian
	local, ok := address(b[offFamily], b[offLocal:])
	remote, fine := address(b[offFamily], b[offRemote:])
	if !ok || !fine {
		return s, errMessage
	}
	s = socket{
		state: b[offState], cookie: ne.Uint64(b[offCookie:]), uid: ne.Uint32(b[offUID:]), inode: ne.Uint32(b[offInode:]),
		local: netip.AddrPortFrom(local, be.Uint16(b[offSource:])), remote: netip.AddrPortFrom(remote, be.Uint16(b[offDest:])),
	}
	for b = b[diagSize:]; len(b) >= 4; {
		n, kind := int(ne.Uint16(b)), ne.Uint16(b[2:])
		if n < 4 || n > len(b) {
			return s, errMessage
		}
		switch kind {
		case attributeInfo:
			s.traffic = parseInfo(b[4:n])
		case attributeProtocol:
			if n > 4 {
				s.protocol = b[4]
			}
		}
		b = b[min(align(n), len(b)):]
	}
	return s, nil
}

// Attributes: enum in include/uapi/linux/inet_diag.h.
const (
	attributeInfo     = 2
	attributeProtocol = 10
)

// address reads an address. One of version 4 in the form of version 6 is one of version 4.
func address(family byte, b []byte) (netip.Addr, bool) {
	switch family {
	case unix.AF_INET:
		return netip.AddrFrom4([4]byte(b[:4])), true
	case unix.AF_INET6:
		return netip.AddrFrom16([16]byte(b[:16])).Unmap(), true
	}
	return netip.Addr{}, false
}

// parseInfo reads struct tcp_info, which is shorter in older kernels.
func parseInfo(b []byte) (t traffic) {
	const (
		received = unsafe.Offsetof(unix.TCPInfo{}.Bytes_received)
		sent     = unsafe.Offsetof(unix.TCPInfo{}.Bytes_sent)
		again    = unsafe.Offsetof(unix.TCPInfo{}.Bytes_retrans)
		acked    = unsafe.Offsetof(unix.TCPInfo{}.Bytes_acked)
	)
	if len(b) < int(again)+8 {
		return t
	}
	ne := binary.NativeEndian
	t = traffic{known: true, received: ne.Uint64(b[received:]), sent: ne.Uint64(b[sent:]), acked: ne.Uint64(b[acked:])}
	t.sent -= min(ne.Uint64(b[again:]), t.sent)
	return t
}

// appendRequest appends the request for all sockets of a protocol and a family that are in
// one of the states.
func appendRequest(b []byte, family, protocol uint8, states uint32) []byte {
	ne := binary.NativeEndian
	const length = netlinkHead + 56
	b = ne.AppendUint32(b, length)
	b = ne.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = ne.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b = ne.AppendUint32(b, 1)
	b = ne.AppendUint32(b, 0)
	b = append(b, family, protocol, 1<<(attributeInfo-1), 0)
	b = ne.AppendUint32(b, states)
	return append(b, make([]byte, 48)...)
}
