package network

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/event"
)

// A connection may come and go before a look has found the port that it came to. The kernel
// is asked for that port then, so that the connection counts as opened by the other side.

// listening asks for the socket of TCP that takes connections to an address. ok is false
// where there is none.
func (d *diag) listening(local netip.AddrPort) (s socket, ok bool, err error) {
	if err := unix.Sendto(d.fd, appendQuestion(nil, local), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return s, false, os.NewSyscallError("sendto", err)
	}
	n, err := unix.Read(d.fd, d.buf)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Read(d.fd, d.buf)
	}
	if err != nil {
		return s, false, os.NewSyscallError("read", err)
	}
	kind, _, body, _, err := nextMessage(d.buf[:n])
	switch {
	case err != nil:
		return s, false, err
	case kind == unix.SOCK_DIAG_BY_FAMILY:
		s, err = parseSocket(body)
		s.protocol = unix.IPPROTO_TCP
		return s, err == nil && s.state == stateListen, err
	case kind == unix.NLMSG_ERROR:
		if err := answerError(body); !errors.Is(err, unix.ENOENT) {
			return s, false, err
		}
	}
	return s, false, nil
}

// appendQuestion appends the request for the one socket of TCP that a connection to an
// address would come to. No connection has a remote port of 0, so that only one that
// listens is found.
func appendQuestion(b []byte, local netip.AddrPort) []byte {
	family := uint8(unix.AF_INET6)
	if local.Addr().Is4() {
		family = unix.AF_INET
	}
	at := len(b)
	b = appendRequest(b, family, unix.IPPROTO_TCP, ^uint32(0))
	ne := binary.NativeEndian
	ne.PutUint16(b[at+6:], unix.NLM_F_REQUEST)
	binary.BigEndian.PutUint16(b[at+netlinkHead+requestPort:], local.Port())
	copy(b[at+netlinkHead+requestLocal:], local.Addr().AsSlice())
	ne.PutUint64(b[at+netlinkHead+requestCookie:], ^uint64(0)) // whichever it has
	return b
}

// Layout of struct inet_diag_req_v2.
const (
	requestPort   = 8  // our port, u16 in network order
	requestLocal  = 12 // our address, 16 bytes
	requestCookie = 48 // u64
)

// ownersEvery is the least time between two searches for the process of a port that no look
// has found: all descriptors of the host are looked at for each.
const ownersEvery = int64(100 * time.Millisecond)

// findPort finds the port that a connection came to, where none is known, and announces it.
// Within ownersEvery of the last search it does not search for the process of the port: then
// the next list of all sockets announces the port.
func (t *tracker) findPort(s *socket) error {
	if t.listener(s) != nil {
		return nil
	}
	found, ok, err := t.lister.listening(s.local)
	if err != nil || !ok || t.table[found.cookie] != nil {
		return err
	}
	if len(t.table) >= maxSockets {
		t.crowded()
		return nil
	}
	l := &conn{socket: found, round: t.round}
	t.table[l.cookie] = l
	if now := clock.Mono(); now-t.ownersAt >= ownersEvery {
		t.ownersAt = now
		t.begin([]*conn{l}, t.owners.find(map[uint32]bool{l.inode: true}), event.TimeApproximate, false)
		return nil
	}
	l.process = actor.OfUser(l.uid)
	t.addPort(l)
	return nil
}
