package server

import (
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router/broker"
)

// state is where a connection is in its life. The comment names the method that
// brings a connection there. It never goes back.
type state uint8

const (
	accepted    state = iota // its hello has not come yet: admit
	ready                    // it is a client: hello
	draining                 // it is not read any more; what is queued for it is written: beginDrain
	lastWrites               // the same, and the goodbye is queued, behind which nothing comes: finishDrain
	writeClosed              // its socket takes nothing any more; what it has sent is read to its end: writeFailed
	closing                  // it ends before the next turn: close
	ended                    // its descriptor, and all that it held, is given back: end
)

// reads reports whether a connection in this state is read, and what it sends routed.
func (s state) reads() bool { return s == accepted || s == ready || s == writeClosed }

// writes reports whether a connection in this state is written to.
func (s state) writes() bool { return s <= lastWrites }

// hold are the reasons for which a connection that reads is not read for now.
type hold uint8

const (
	holdRate    hold = 1 << iota // it sends faster than its rate: until its bucket has tokens again
	holdReplies                  // it does not take the server's control frames: until it does
	holdWork                     // part is more than one turn's work: until that is routed, in the next turn
)

// conn is the connection of one client, and the Sink of its session. Routing thread
// only.
type conn struct {
	s       *Server
	fd      int
	cred    unixsock.Credentials // with a handle on the process, until Admit
	peer    policy.Peer
	session *broker.Session // nil while accepted

	place       place
	reservation string // the name of its place, where that is reserved
	visitEnds   int64  // where it has a visitor's place

	state   state
	hold    hold
	blocked bool   // its socket is full, and epoll watches for room
	hungUp  bool   // the client is gone; what it has sent is read whatever hold is, but for holdWork
	pinged  bool   // a ping was sent since lastRead
	watched uint32 // the events that epoll watches for

	// Times, of frame.Now.
	heartbeat     time.Duration // as the client's welcome named it
	acceptedAt    int64
	lastRead      int64
	lastSent      int64 // to about a Tick, by sentSinceTick
	sentSinceTick bool
	fullSince     int64 // when the socket last became full and nothing was taken since; 0: it is not full

	// Reading.
	part partial
	rate bucket

	// Writing.
	ctl      []byte       // control frames of the server, which are written first
	unsent   partialWrite // the rest of a write that the socket did not take whole
	stream   frame.Stream // the last stream frame written: what the client takes the next messages for
	farewell []byte       // the goodbye that finishDrain queues
	drains   []uint64     // subscriptions whose unsubscribe is acknowledged when all is written
	why      error        // it is closing
}

func newConn(s *Server, fd int) (*conn, error) {
	cred, err := unixsock.CredentialsOf(fd)
	now := frame.Now()
	c := &conn{
		s: s, fd: fd, cred: cred, peer: policy.Peer{PID: cred.PID, UID: cred.UID, GID: cred.GID},
		watched: readable, acceptedAt: now, lastRead: now, lastSent: now,
	}
	c.peer.Process = &c.cred
	return c, err
}

// readsHeld reports whether epoll need not watch for what the client sends. Under
// holdWork it watches on, because that lasts for one turn only.
func (c *conn) readsHeld() bool {
	return !c.state.reads() || c.hold&(holdRate|holdReplies) != 0 && !c.hungUp
}

// setHold and clearHold change the reasons that make epoll stop watching.
func (c *conn) setHold(h hold) {
	c.hold |= h
	c.watch()
}

// clearHold lets the connection be read again, unless there are other reasons. Its
// times begin anew, because the client could not show a sign of life meanwhile.
func (c *conn) clearHold(h hold, now int64) {
	c.hold &^= h
	c.lastRead = now
	if c.part.buf != nil {
		c.part.since = now
	}
	c.watch()
}

// watch has epoll watch for what c waits for.
func (c *conn) watch() {
	var want uint32
	if !c.readsHeld() {
		want = readable
	}
	if c.blocked {
		want |= writable
	}
	if want == c.watched {
		return
	}
	c.watched = want
	if err := c.s.poll.change(c.fd, want); err != nil {
		c.close(err)
	}
}

// Drain implements broker.Sink.
func (c *conn) Drain(*broker.Session) { c.flush() }

var _ broker.Sink = (*conn)(nil)
