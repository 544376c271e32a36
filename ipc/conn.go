package ipc

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// conn is one client's connection: accepted, then ready after its handshake,
// then doomed, then ended. It is the port's Sink. Routing thread only.
type conn struct {
	s    *server
	fd   int
	peer Peer
	port *router.Port // nil until the handshake is done

	since    int64 // when it was accepted
	lastRead int64
	lastSent int64 // to about a Tick
	spoke    bool  // something was sent since the last Tick
	pinged   bool  // since lastRead
	paused   bool   // not read from, for it publishes too fast
	blocked  bool   // its socket is full
	watched  uint32 // what epoll looks for

	// reading
	part partial
	rate bucket

	// writing
	ctl       []byte // frames of the server's own, to go first
	left      []piece
	heldItems []held
	heldRefs  []reference
	stream    frame.Stream // what the client believes to be receiving
	full      int64        // since when the socket is full; 0 when it is not
	farewell  []byte       // to be written when all else is, then nothing more
	closing   bool         // ends when all is written
	said      bool         // the farewell is written, or on its way
	dead      bool         // ends at the next chance
	why       error
}

// maxCtl bounds what a client may have the server say while it does not read.
const maxCtl = 256 << 10

// accept lets in whoever waits.
func (s *server) accept() {
	for range 64 {
		fd, _, err := unix.Accept4(s.l.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			s.admit(fd)
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
		case outOfDescriptors(err):
			s.b.Fault(opError("accept", s.l.path, err))
			if !s.turnAway() {
				return
			}
		default:
			s.b.Fault(opError("accept", s.l.path, err))
			s.deafen()
			return
		}
	}
}

func outOfDescriptors(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)
}

// admit takes a new connection in, if there is room.
func (s *server) admit(fd int) {
	if s.count >= s.o.MaxConnections {
		s.b.Refused(frame.ErrLimit)
		s.sayAndClose(fd, refusal(frame.CodeLimit, "max_connections is %d, and as many are connected", s.o.MaxConnections))
		return
	}
	peer, err := peerOf(fd)
	if err == nil {
		err = s.poll.add(fd, readable)
	}
	if err != nil {
		peer.close()
		s.b.Fault(opError("accept", s.l.path, err))
		s.b.Refused(frame.ErrLimit)
		s.sayAndClose(fd, refusal(frame.CodeLimit, "the broker cannot take another connection: %v", err))
		return
	}
	if fd >= len(s.conns) {
		s.conns = append(s.conns, make([]*conn, fd+1-len(s.conns))...)
	}
	widen(fd)
	now := router.Now()
	s.conns[fd] = &conn{s: s, fd: fd, peer: peer, since: now, lastRead: now, lastSent: now, watched: readable}
	s.count++
}

// sayAndClose writes to a socket that is not ours to keep. It is new, so there
// is room for a few bytes.
func (s *server) sayAndClose(fd int, b []byte) {
	rawSend(fd, []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}})
	unix.Close(fd)
}

// turnAway refuses a connection when there are no descriptors left, with one
// that was kept for that: else the listener would stay readable for ever. It
// reports whether somebody was waiting.
func (s *server) turnAway() bool {
	closeSpare(s.spare)
	fd, _, err := unix.Accept4(s.l.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err == nil {
		s.b.Refused(frame.ErrLimit)
		s.sayAndClose(fd, refusal(frame.CodeLimit, "the broker has no descriptors left"))
	}
	if s.spare = openSpare(); s.spare < 0 {
		s.deafen() // another part of the process was quicker
		return false
	}
	return err == nil
}

// deafen stops looking at the listener, which would be readable turn after
// turn, until listenAgain: who connects waits meanwhile.
func (s *server) deafen() {
	if err := s.poll.change(s.l.fd, 0); err != nil {
		s.b.Fault(opError("accept", s.l.path, err))
	}
	s.deaf = true
}

// listenAgain is tried about once a Tick.
func (s *server) listenAgain() {
	if s.spare < 0 {
		s.spare = openSpare()
	}
	s.deaf = s.poll.change(s.l.fd, readable) != nil
}

func openSpare() int {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
}

func closeSpare(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}

// doom has c ended before the next turn, for err. It may be called anywhere.
func (s *server) doom(c *conn, err error) {
	if c.dead {
		return
	}
	c.dead, c.why = true, err
	s.doomed = append(s.doomed, c)
}

// reap ends the doomed.
func (s *server) reap() {
	for len(s.doomed) > 0 {
		c := s.doomed[len(s.doomed)-1]
		s.doomed = s.doomed[:len(s.doomed)-1]
		if s.conns[c.fd] == c {
			s.lastWords(c)
			s.end(c, c.why)
		}
	}
}

// lastWords writes a goodbye that could not be written yet, where that would not
// be in the middle of a frame.
func (s *server) lastWords(c *conn) {
	if len(c.ctl) > 0 && len(c.left) == 0 && !c.blocked {
		rawSend(c.fd, []unix.Iovec{{Base: &c.ctl[0], Len: uint64(len(c.ctl))}})
	}
}

// end frees all that c holds.
func (s *server) end(c *conn, why error) {
	if why != nil {
		s.b.Refused(why)
	}
	s.dropHeld(c)
	s.halves -= c.part.need
	c.part.drop()
	if c.port != nil {
		c.port.Close()
	}
	s.paused = slices.DeleteFunc(s.paused, func(x *conn) bool { return x == c })
	s.conns[c.fd] = nil
	s.count--
	c.peer.close()
	unix.Close(c.fd) // epoll forgets it
}

// refuse answers a frame that was at fault. A fatal fault ends the connection.
func (s *server) refuse(c *conn, id uint64, err error, fatal bool) {
	code := frame.CodeOf(err)
	body := frame.ErrorBody{Code: code, Fatal: fatal, Text: err.Error()}
	c.ctl = frame.AppendControl(c.ctl, frame.TypeError, id, router.Now(), frame.ErrorSize(body))
	c.ctl = frame.AppendError(c.ctl, body)
	if fatal {
		s.leave(c, code, err.Error(), err)
		return
	}
	s.said(c)
}

// said writes out what was put into c.ctl, and ends a client that has the
// server talk without listening.
func (s *server) said(c *conn) {
	if len(c.ctl) > maxCtl {
		s.flush(c) // it may have said much at once, and listen
	}
	if len(c.ctl) > maxCtl {
		s.doom(c, fmt.Errorf("%w: %d bytes of answers unread", frame.ErrSlow, len(c.ctl)))
		return
	}
	if c.port != nil {
		c.port.MarkReady()
		return
	}
	s.flush(c)
}

// leave says goodbye and ends c. What the socket does not take at once is lost:
// the client is at fault, or gone.
func (s *server) leave(c *conn, code frame.Code, text string, why error) {
	if !c.said {
		c.said = true
		c.ctl = appendGoodbye(c.ctl, code, text)
		s.flush(c)
	}
	s.doom(c, why)
}

// Drain implements router.Sink.
func (c *conn) Drain(*router.Port) { c.s.flush(c) }

// Disconnect implements router.Sink.
func (c *conn) Disconnect(code frame.Code, text string) {
	if c.dead {
		return
	}
	if !c.said {
		c.said = true
		c.ctl = appendGoodbye(c.ctl, code, text)
		// Not flushed here: this may be the middle of a flush.
	}
	c.s.doom(c, fmt.Errorf("%w: %s", code.Err(), text))
}

// Tick implements router.Sink: the bounds in time. A client that says nothing is
// asked once before it is given up, and one that is told nothing hears a ping,
// so that it does not give up the server.
func (c *conn) Tick(now int64) {
	s := c.s
	if c.spoke {
		c.spoke, c.lastSent = false, now
	}
	idle := time.Duration(now - c.lastRead)
	deaf := c.paused || c.closing // not read from, so its silence means nothing
	switch {
	case c.dead:
	case c.full != 0 && time.Duration(now-c.full) > s.o.ConnectionTimeout:
		s.leave(c, frame.CodeSlow, "did not read for "+s.o.ConnectionTimeout.String(), frame.ErrSlow)
	case c.said: // nothing comes after a goodbye
	case idle > 3*s.o.Heartbeat && c.pinged && !deaf:
		s.leave(c, frame.CodeHeartbeat, "silent for "+idle.Round(time.Millisecond).String(), frame.ErrHeartbeat)
	case idle > s.o.Heartbeat && !c.pinged && !deaf, time.Duration(now-c.lastSent) > s.o.Heartbeat:
		c.pinged, c.spoke = true, true
		c.ctl = frame.AppendControl(c.ctl, frame.TypePing, 0, now, 0)
		s.said(c)
	}
}

// expireHandshakes ends connections that did not say hello in time.
func (s *server) expireHandshakes(now int64) {
	for _, c := range s.conns {
		if c != nil && c.port == nil && time.Duration(now-c.since) > s.o.ConnectionTimeout {
			s.leave(c, frame.CodeHandshake, "no hello within "+s.o.ConnectionTimeout.String(), frame.ErrHandshake)
		}
	}
}
