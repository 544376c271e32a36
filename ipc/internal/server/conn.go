package server

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router/broker"
)

// conn is one client's connection: accepted, then ready after its handshake,
// then doomed, then ended. It is the port's Sink. Routing thread only.
type conn struct {
	s    *Server
	fd   int
	cred unixsock.Credentials // with the process, until Admit
	peer policy.Peer
	port *broker.Session // nil until the handshake is done

	since    int64 // when it was accepted
	lastRead int64
	lastSent int64  // to about a Tick
	spoke    bool   // something was sent since the last Tick
	pinged   bool   // since lastRead
	paused   bool   // not read from, for it publishes too fast
	owed     bool   // not read from, for it does not read the answers
	blocked  bool   // its socket is full
	watched  uint32 // what epoll looks for

	// reading
	part  partial
	waits bool // part is more than a turn's work, and c is in waiting
	gone  bool // it has hung up: what it has sent is routed, whatever its rate
	work  int  // that it made in this turn
	rate  bucket

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
	mute      bool         // it takes nothing any more, and is read to its end
	dead      bool         // ends at the next chance
	why       error
}

// maxCtl is how much the server may have to say to a client and still read from
// it, and route what it has read. A turn's work may bring it a little beyond.
const maxCtl = 256 << 10

// doom has c ended before the next turn, for err. It may be called anywhere.
func (s *Server) doom(c *conn, err error) {
	if c.dead {
		return
	}
	c.dead, c.why = true, err
	s.doomed = append(s.doomed, c)
}

// reap ends the doomed.
func (s *Server) reap() {
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
func (s *Server) lastWords(c *conn) {
	if len(c.ctl) > 0 && len(c.left) == 0 && !c.blocked {
		unixsock.RawSend(c.fd, []unix.Iovec{{Base: &c.ctl[0], Len: uint64(len(c.ctl))}})
	}
}

// end frees all that c holds.
func (s *Server) end(c *conn, why error) {
	if why != nil {
		s.b.Refused(why)
	}
	s.dropHeld(c)
	s.dropPart(c)
	if c.port != nil {
		c.port.Close()
	}
	s.paused = slices.DeleteFunc(s.paused, func(x *conn) bool { return x == c })
	s.waiting = slices.DeleteFunc(s.waiting, func(x *conn) bool { return x == c })
	s.conns[c.fd] = nil
	s.count--
	c.cred.Close()
	s.poll.remove(c.fd)
	unix.Close(c.fd)
}

// refuse answers a frame that was at fault. A fatal fault ends the connection.
func (s *Server) refuse(c *conn, id uint64, err error, fatal bool) {
	code := frame.CodeOf(err)
	body := frame.ErrorBody{Code: code, Fatal: fatal, Text: err.Error()}
	c.ctl = frame.AppendControl(c.ctl, frame.TypeError, id, frame.Now(), frame.ErrorSize(body))
	c.ctl = frame.AppendError(c.ctl, body)
	if fatal {
		s.leave(c, code, err.Error(), err)
		return
	}
	s.said(c)
}

// said writes out what was put into c.ctl. A client that has the server talk
// without listening is not read from until it has heard what it asked for.
func (s *Server) said(c *conn) {
	if c.port == nil || len(c.ctl) > maxCtl {
		s.flush(c)
	}
	if len(c.ctl) > maxCtl {
		c.owed = true
		s.watch(c)
	}
	if c.port != nil {
		c.port.RequestWrite()
	}
}

// heard goes on reading from a client that has taken all that it is owed.
func (s *Server) heard(c *conn) {
	if c.owed {
		c.owed = false
		s.readAgain(c, frame.Now())
	}
}

// readAgain has c read from that was not for a while: its times begin anew.
func (s *Server) readAgain(c *conn, now int64) {
	c.lastRead = now
	if c.part.buf != nil {
		c.part.since = now
	}
	s.watch(c)
}

// unread reports whether c is not read from for now, whatever it sends.
func (c *conn) unread() bool { return c.paused || c.owed || c.closing }

// leave says goodbye and ends c. What the socket does not take at once is lost:
// the client is at fault, or gone.
func (s *Server) leave(c *conn, code frame.Code, text string, why error) {
	if !c.said {
		c.said = true
		c.ctl = frame.AppendGoodbyeFrame(c.ctl, frame.Now(), frame.Goodbye{Code: code, Text: text})
		s.flush(c)
	}
	s.doom(c, why)
}

// Drain implements broker.Sink.
func (c *conn) Drain(*broker.Session) { c.s.flush(c) }

// Disconnect implements broker.Sink.
func (c *conn) Disconnect(code frame.Code, text string) {
	if c.dead || c.mute {
		return
	}
	if !c.said {
		c.said = true
		c.ctl = frame.AppendGoodbyeFrame(c.ctl, frame.Now(), frame.Goodbye{Code: code, Text: text})
		// Not flushed here: this may be the middle of a flush.
	}
	c.s.doom(c, fmt.Errorf("%w: %s", code.Err(), text))
}

// Tick implements broker.Sink: the bounds in time. A client that says nothing is
// asked once before it is given up. One that is told nothing hears a ping, so that
// it does not give up the server: early enough for lastSent to be a Tick late.
func (c *conn) Tick(now int64) {
	s := c.s
	if c.spoke {
		c.spoke, c.lastSent = false, now
	}
	idle := time.Duration(now - c.lastRead)
	switch {
	case c.dead:
	case c.mute: // the end of what it sent is found by reading, if it has an end
		if idle > s.o.Heartbeat && !c.unread() {
			s.doom(c, nil)
		}
	case c.full != 0 && time.Duration(now-c.full) > s.o.ConnectionTimeout:
		s.leave(c, frame.CodeSlow, "did not read for "+s.o.ConnectionTimeout.String(), frame.ErrSlow)
	case c.said: // nothing comes after a goodbye
	case idle > 3*s.o.Heartbeat && c.pinged && !c.unread():
		s.leave(c, frame.CodeHeartbeat, "silent for "+idle.Round(time.Millisecond).String(), frame.ErrHeartbeat)
	case idle > s.o.Heartbeat && !c.pinged && !c.unread(), time.Duration(now-c.lastSent) > s.o.Heartbeat/2:
		c.pinged, c.spoke = true, true
		c.ctl = frame.AppendControl(c.ctl, frame.TypePing, 0, now, 0)
		s.said(c)
	}
}
