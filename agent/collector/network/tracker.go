package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/adjust"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/ebpf"
	"github.com/daemoneye/eventbus/agent/event"
)

// conn is a connection, or a port that is listened on.
type conn struct {
	socket
	process   actor.Process
	direction event.Direction // 0 for a port that is listened on
	opened    int64           // monotonic ns when it was first seen; 0: before we looked first
	round     uint64          // of the last look that found it
	missed    int             // looks in a row that did not find it
	announced bool
	leftOut   bool // by the filter
}

func (s *socket) listens() bool {
	return s.state == stateListen || s.protocol == unix.IPPROTO_UDP
}

// maxSockets bounds how many sockets are known at a time.
const maxSockets = 1 << 16

// protocols are those of which a list is.
type protocols []uint8

var (
	everything = protocols{unix.IPPROTO_TCP, unix.IPPROTO_UDP}
	onlyUDP    = protocols{unix.IPPROTO_UDP}
)

// lister gives all sockets of protocols, or one that listens: see diag.list, diag.listening.
type lister interface {
	list(of protocols, see func(*socket)) error
	listening(local netip.AddrPort) (s socket, ok bool, err error)
}

// tracker keeps what is known in step with the host, and announces what changes.
//
// One goroutine at a time.
type tracker struct {
	lister  lister
	owners  *owners
	finder  *actor.Finder
	emitter *emitter
	clock   clock.Clock
	table   map[uint64]*conn
	ports   map[port][]*conn // that are listened on
	round   uint64
	full    bool // the table is, and a gap has reported it
	// gone are cookies of sockets that ended by missing from looks, with the round of that:
	// the kernel's messages of their ends may still come.
	gone map[uint64]uint64
	// ownersAt is when findPort last looked for a process, monotonic ns.
	ownersAt int64

	door     adjust.Door[*tracker]
	interval time.Duration // between two looks
	meter    *meter
	queries  *queries     // nil where they are not seen
	choice   *ebpf.Choice // what is left out in the kernel; nil for nothing
	open     *collector.Opening
}

// port is what a connection from outside comes to.
type port struct {
	protocol uint8
	number   uint16
}

// look lists the sockets of protocols, and announces what is new and what is gone. An error
// is one of the list as a whole.
func (t *tracker) look(of protocols, how event.Flags) error {
	t.clock.Adjust()
	t.round++
	var fresh []*conn
	inodes := make(map[uint32]bool)
	err := t.lister.list(of, func(s *socket) {
		c := t.table[s.cookie]
		switch {
		case c != nil:
			c.round, c.missed, c.state = t.round, 0, s.state
			if s.traffic.known {
				c.traffic = s.traffic
			}
			if c.announced {
				return
			}
		case s.local.Port() == 0:
			return
		case s.state == stateFinWait2 && s.inode == 0:
			// The kernel keeps the end of a connection for some time with a new cookie.
			return
		case len(t.table) >= maxSockets:
			t.crowded()
			return
		default:
			c = &conn{socket: *s, round: t.round}
			t.table[s.cookie] = c
			// Who sends without a connection has such a socket for a moment. What waits for
			// others is still there at the next look.
			if s.protocol == unix.IPPROTO_UDP && t.round > 1 {
				return
			}
		}
		fresh = append(fresh, c)
		inodes[c.inode] = true
	})
	if err != nil && !errors.Is(err, errChanged) {
		return err
	}
	t.begin(fresh, t.owners.find(inodes), how, t.round == 1)
	if err == nil {
		t.endMissing(of)
	}
	return nil
}

// crowded announces once that there are more sockets than we keep.
func (t *tracker) crowded() {
	if !t.full {
		t.full = true
		t.emitter.Gap(event.Loss{Reason: fmt.Sprintf("sockets: more than %d are open, and the others are not followed", maxSockets)}, t.clock.Now())
	}
}

// begin announces new sockets: ports first, because they tell where a connection came from.
// first means that they are the start.
func (t *tracker) begin(fresh []*conn, pids map[uint32]uint32, how event.Flags, first bool) {
	slices.SortStableFunc(fresh, func(a, b *conn) int {
		switch {
		case a.listens() == b.listens():
			return 0
		case a.listens():
			return -1
		}
		return 1
	})
	at := t.clock.Now()
	for _, c := range fresh {
		op := event.OpSnapshot
		t.place(c, pids[c.inode])
		c.announced = true
		if !first {
			c.opened, op = at.MonoNs, opening(c)
		}
		t.emitter.announce(op, c, how, at)
	}
}

// place notes what a socket is for and whose it is. pid is its owner, 0 where that is not
// known.
func (t *tracker) place(c *conn, pid uint32) {
	if c.listens() {
		t.addPort(c)
	}
	l := t.listener(&c.socket)
	switch {
	case c.listens():
	case l != nil:
		c.direction = event.Ingress
	default:
		c.direction = event.Egress
	}
	switch {
	case pid != 0:
		c.process = *t.finder.Find(pid)
	case l != nil && l != c: // whoever waits for connections has it, or gives it on
		c.process = l.process
	default:
		c.process = actor.OfUser(c.uid)
	}
}

func (t *tracker) addPort(c *conn) {
	k := port{c.protocol, c.local.Port()}
	if !slices.Contains(t.ports[k], c) { // a look announces what findPort has found
		t.ports[k] = append(t.ports[k], c)
	}
}

// listener returns the port that a connection came to, nil for none: this host opened it
// then.
func (t *tracker) listener(s *socket) *conn {
	for _, l := range t.ports[port{s.protocol, s.local.Port()}] {
		if a := l.local.Addr(); a.IsUnspecified() || a == s.local.Addr() {
			return l
		}
	}
	return nil
}

// ended takes into account that the kernel gave up a socket. A connection that was never
// seen was shorter than the time between two looks: it is opened and closed now. The error
// is one of asking the kernel.
func (t *tracker) ended(s *socket) error {
	at := t.clock.Now()
	c := t.table[s.cookie]
	if c == nil {
		if t.late(s.cookie) {
			return nil
		}
		if s.protocol != unix.IPPROTO_TCP || s.remote.Port() == 0 || !s.remote.Addr().IsValid() {
			return nil
		}
		if err := t.findPort(s); err != nil {
			return err
		}
		c = &conn{socket: *s, announced: true}
		c.state = stateEstablished
		t.place(c, 0)
		if c.direction == event.Egress {
			if s.traffic.refused() {
				return nil
			}
			c.process = actor.Unknown(0) // the message has 0 for whichever user
		}
		t.emitter.announce(opening(c), c, event.TimeApproximate, at)
	}
	if s.traffic.known {
		c.traffic = s.traffic
	}
	t.end(c, 0, at)
	return nil
}

// late reports whether the end of a socket has been announced, because looks missed it. It
// is so once.
func (t *tracker) late(cookie uint64) bool {
	_, late := t.gone[cookie]
	delete(t.gone, cookie)
	return late
}

// end announces the end of a socket, if its begin was.
func (t *tracker) end(c *conn, how event.Flags, at clock.Moment) {
	delete(t.table, c.cookie)
	if c.listens() {
		k := port{c.protocol, c.local.Port()}
		if left := slices.DeleteFunc(t.ports[k], func(o *conn) bool { return o == c }); len(left) > 0 {
			t.ports[k] = left
		} else {
			delete(t.ports, k)
		}
	}
	if c.announced {
		t.emitter.announce(event.OpClose, c, how, at)
	}
	t.full = t.full && len(t.table) >= maxSockets
}

// looksToMiss is how often a socket has to be missing in a row to be gone: the kernel may
// pass one over while others come and go.
const looksToMiss = 2

// looksToForget is how many looks later a message of the end of a socket that was missing
// may come. By then the kernel's buffer has been emptied, or has overrun.
const looksToForget = 30

// endMissing announces the end of what is not there any more.
func (t *tracker) endMissing(of protocols) {
	at := t.clock.Now()
	var gone []*conn
	for _, c := range t.table {
		if c.round != t.round && slices.Contains(of, c.protocol) {
			if c.missed++; c.missed >= looksToMiss {
				gone = append(gone, c)
			}
		}
	}
	slices.SortFunc(gone, func(a, b *conn) int { return a.local.Compare(b.local) })
	for cookie, round := range t.gone {
		if t.round-round > looksToForget {
			delete(t.gone, cookie)
		}
	}
	for _, c := range gone {
		t.gone[c.cookie] = t.round
		t.end(c, event.Inferred|event.TimeApproximate, at)
	}
}
