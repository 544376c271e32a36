package server

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
)

// A connection ends in one of three ways. After beginDrain it is written to until all that
// is queued has left. disconnect queues a goodbye and closes it: what the socket does
// not take at once is lost. close alone ends it without a goodbye. All of them can be
// called anywhere, because the end itself comes between two turns (closeConns).

// beginDrain stops reading and has what is queued written, and then a goodbye.
func (c *conn) beginDrain(goodbye []byte) {
	switch c.state {
	case accepted, ready, draining:
		c.state, c.farewell = draining, goodbye
		c.watch()
	case writeClosed: // its socket takes nothing
		c.close(nil)
	}
}

// finishDrain goes on with a drain when all that was queued is written: first with
// the goodbye, and when that is written, with the end.
func (c *conn) finishDrain() {
	if c.session != nil && len(c.session.Queued()) > 0 {
		return
	}
	switch c.state {
	case draining:
		c.state = lastWrites
		c.ctl = append(c.ctl, c.farewell...)
		c.flush()
	case lastWrites:
		if len(c.ctl) == 0 {
			c.close(nil)
		}
	}
}

// refuse answers a frame that was at fault with an error. A fatal one ends the
// connection.
func (c *conn) refuse(id uint64, err error, fatal bool) {
	body := frame.Fault{Code: frame.CodeOf(err), Fatal: fatal, Text: err.Error()}
	c.ctl = frame.AppendControl(c.ctl, frame.TypeError, id, frame.Now(), frame.ErrorSize(body))
	c.ctl = frame.AppendError(c.ctl, body)
	if fatal {
		c.disconnect(body.Code, body.Text, err)
		return
	}
	c.sendControl()
}

// disconnect queues a goodbye, unless there is one already or the client takes nothing,
// and closes the connection because of why.
func (c *conn) disconnect(code frame.Code, text string, why error) {
	switch c.state {
	case accepted, ready, draining:
		c.ctl = frame.AppendGoodbyeFrame(c.ctl, frame.Now(), frame.Fault{Code: code, Text: text})
	}
	c.close(why)
}

// Disconnect implements broker.Sink. A client whose socket takes no more
// writes is not disconnected here, because what it has sent is still read.
func (c *conn) Disconnect(code frame.Code, text string) {
	if c.state.writes() {
		c.disconnect(code, text, fmt.Errorf("%w: %s", code.Err(), text))
	}
}

// close schedules the end of the connection before the next turn. why is the fault of the
// client, or nil if there is none.
func (c *conn) close(why error) {
	if c.state >= closing {
		return
	}
	c.state, c.why = closing, why
	c.s.closing = append(c.s.closing, c)
}

// closeConns ends the connections that were closed.
func (s *Server) closeConns() {
	for len(s.closing) > 0 {
		c := s.closing[len(s.closing)-1]
		s.closing = s.closing[:len(s.closing)-1]
		if c.state == closing {
			c.writeLastControl()
			c.end(c.why)
		}
	}
}

// writeLastControl writes the control frames that are queued, where that would not be
// in the middle of a frame.
func (c *conn) writeLastControl() {
	if len(c.ctl) > 0 && c.unsent.empty() && !c.blocked {
		unixsock.RawSend(c.fd, []unix.Iovec{unixsock.Piece(c.ctl)})
	}
}

// end gives back all that c holds, and counts why.
func (c *conn) end(why error) {
	s := c.s
	c.state = ended
	if why != nil {
		s.b.CountRefused(why)
	}
	c.dropUnsent()
	c.dropPart()
	if c.session != nil {
		c.session.Close()
	}
	s.places.leave(c)
	s.conns[c.fd] = nil
	s.count--
	c.cred.Close()
	s.poll.remove(c.fd)
	unix.Close(c.fd)
}
