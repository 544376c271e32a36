package network

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/clock"
)

// The layout of the records of bpf/network.c. All of it but ports and addresses is in the
// byte order of the host, which is little-endian for the object that is built.
//
//	  0  u8 kind, u8 state before, u16 family, u32 namespace, u64 cookie, u64 time
//	 24  u64 opened, u64 cookie of the port                          struct memory
//	 40  u64 start, u32 pid, u32 parent, u32 uid, u32 gid, 16 bytes name   struct actor
//	 80  16 bytes local address, 16 bytes remote address, u16 local port, u16 remote port
//	116  u32 uid of the socket, u64 sent, u64 received
const (
	recordBytes = 136

	recordConnect = 1
	recordAccept  = 2
	recordListen  = 3
	recordEnd     = 4
	recordLeftOut = 5 // the end of what was left out in the kernel
)

// record is what happened to a socket.
type record struct {
	socket
	kind      uint8
	namespace uint32
	timeNs    int64  // monotonic
	openedNs  int64  // monotonic; 0 where nobody saw its begin
	port      uint64 // cookie of the port that a connection came to; 0 where that is not known
	by        caller // who connected, or listened on the port
	leftOut   bool   // of an end: the begin was left out in the kernel, and is counted
}

// caller is the process that called the kernel, as it was in that moment. Its pid is 0 where
// nobody saw it.
type caller struct {
	pid, parent, uid, gid uint32
	startTicks            uint64
	name                  string
}

// parseRecord reads a record, and reports whether it is of the form above.
func parseRecord(b []byte, ahead clock.Ahead) (r record, ok bool) {
	le, be := binary.LittleEndian, binary.BigEndian
	if len(b) != recordBytes {
		return r, false
	}
	family := le.Uint16(b[2:])
	if family != unix.AF_INET && family != unix.AF_INET6 {
		return r, false
	}
	local, _ := address(byte(family), b[80:])
	remote, _ := address(byte(family), b[96:])
	r = record{
		kind: b[0], namespace: le.Uint32(b[4:]),
		timeNs: int64(le.Uint64(b[16:])) + ahead.MonoNs, port: le.Uint64(b[32:]),
		by: parseCaller(b[40:], ahead),
		socket: socket{
			protocol: unix.IPPROTO_TCP, state: stateEstablished, cookie: le.Uint64(b[8:]), uid: le.Uint32(b[116:]),
			local: netip.AddrPortFrom(local, be.Uint16(b[112:])), remote: netip.AddrPortFrom(remote, be.Uint16(b[114:])),
			traffic: traffic{known: true, sent: le.Uint64(b[120:]), received: le.Uint64(b[128:])},
		},
	}
	if opened := int64(le.Uint64(b[24:])); opened != 0 {
		r.openedNs = opened + ahead.MonoNs
	}
	if r.kind == recordLeftOut {
		r.kind, r.leftOut = recordEnd, true
	}
	switch r.kind {
	case recordConnect, recordAccept:
	case recordListen:
		r.state = stateListen
	case recordEnd:
		if b[1] == stateListen {
			r.state = stateListen
		}
	default:
		return r, false
	}
	return r, true
}

// opensHere reports whether this host opened the connection.
func (r *record) opensHere() bool {
	return r.kind == recordConnect || r.kind == recordEnd && r.by.pid != 0 && r.port == 0
}
