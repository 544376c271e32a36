package server

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/bus"
)

// All connections are read into one buffer, one after the other: an idle
// connection then costs no buffer, and while subscribers keep up the same memory
// is used again and again, which the processor's cache likes. A buffer that is
// still referred to when it is nearly full is left to its references, and
// another one taken.

// The work that one connection may make in a turn. Messages cost nothing here:
// one read of them is bounded. What is answered, looked up or inflated costs one,
// and what may take long much more. What has come beyond that is routed in the
// next turn, before anything more is read.
const (
	turnWork = 256
	longWork = 16 // subscribe, unsubscribe, a request for statistics
)

// partial is what was read and not routed: the beginning of a frame whose rest
// has not come yet, or, where the connection waits, more than a turn's work.
type partial struct {
	buf *frame.Buffer // nil: none; one reference is held
	off int
	len int
	// need is the frame's length when buf is a buffer of its own for a frame
	// that is too large for the common one; else 0.
	need int
	// since is when the frame was begun, or could be gone on with.
	since int64
}

func (p *partial) drop() {
	if p.buf != nil {
		p.buf.Release(1)
		*p = partial{}
	}
}

// read takes what c has sent, as much as there is room for, and routes it.
func (s *Server) read(c *conn) {
	if c.dead || c.closing {
		return
	}
	s.makeRoom(c)
	start, since := s.inUsed, c.part.since
	var n int
	var errno unix.Errno
	if c.part.need > 0 {
		p := &c.part
		n, errno = unixsock.RawRecv2(c.fd, p.buf.B[p.len:p.need], s.in.B[s.inUsed:])
		if errno == 0 && n > 0 {
			own := min(n, p.need-p.len)
			p.len += own
			s.inUsed += n - own
		}
	} else {
		start = s.join(c)
		n, errno = unixsock.RawRecv(c.fd, s.in.B[s.inUsed:])
		if errno == 0 {
			s.inUsed += n
		}
	}
	switch {
	case errno == unix.EAGAIN:
		if c.part.need == 0 {
			s.keep(c, s.in, start, s.inUsed, since)
		}
		return
	case errno != 0 && errno != unix.ECONNRESET: // which is an end with something unread
		s.doom(c, unixsock.NewOpError("read", s.l.Path(), errno))
		return
	case errno != 0 || n == 0:
		s.doom(c, s.hangUp(c, start))
		return
	}
	s.taken += n
	c.lastRead, c.pinged, c.work = frame.Now(), false, 0
	if c.part.need > 0 {
		if c.part.len < c.part.need {
			return
		}
		big := c.part.buf
		s.halves -= c.part.need
		c.part, since = partial{}, 0
		s.route(c, big, 0, len(big.B))
		s.b.EndBatch()
		big.Release(1)
	}
	next := s.route(c, s.in, start, s.inUsed)
	if next > start || since == 0 {
		since = c.lastRead // another frame
	}
	s.keep(c, s.in, next, s.inUsed, since)
	// The messages of different clients do not share a run: who is next has
	// another port. But the buffer may be swapped before the turn is over.
	s.b.EndBatch()
}

// goOn routes what connections have sent beyond a turn's work; it reports whether
// it did. Those that are not read from have to wait, unless they are gone.
func (s *Server) goOn() (worked bool) {
	waiting := s.waiting
	s.waiting = s.waiting[:0]
	for _, c := range waiting {
		switch p := c.part; {
		case c.dead || c.closing: // its part goes with it
		case c.unread() && !c.gone:
			s.waiting = append(s.waiting, c)
		default:
			worked = true
			c.part, c.waits, c.work = partial{}, false, 0
			next := s.route(c, p.buf, p.off, p.off+p.len)
			s.keep(c, p.buf, next, p.off+p.len, frame.Now())
			s.b.EndBatch()
			p.buf.Release(1)
		}
	}
	clear(waiting[len(s.waiting):])
	return worked
}

// hangUp says how a connection ended: in the middle of a frame is a fault.
func (s *Server) hangUp(c *conn, start int) error {
	if c.part.len > 0 || s.inUsed > start {
		return unixsock.NewOpError("read", s.l.Path(), fmt.Errorf("%w: %w inside a frame", frame.ErrLength, io.ErrUnexpectedEOF))
	}
	return nil
}

// makeRoom sees to it that the common buffer has room for a read.
func (s *Server) makeRoom(c *conn) {
	if s.in != nil {
		switch p := &c.part; {
		case s.in.Refs() == 1: // nobody refers to what was read: begin anew
			s.inUsed = 0
			return
		case s.in.Refs() == 2 && p.buf == s.in: // nobody but c's half frame
			s.inUsed = copy(s.in.B, s.in.B[p.off:p.off+p.len])
			p.off = 0
			return
		}
	}
	if s.in == nil || unixsock.ReadBuffer-s.inUsed < unixsock.ReadRoom {
		if s.in != nil {
			s.in.Release(1)
		}
		s.in, s.inUsed = s.b.Pool().Get(unixsock.ReadBuffer), 0
		s.in.B = s.in.B[:unixsock.ReadBuffer]
	}
}

// join puts c's partial frame right before the bytes that are to be read next,
// and returns where it begins. It is there already when nobody else was read
// from since.
func (s *Server) join(c *conn) (start int) {
	p := &c.part
	if p.buf == nil {
		return s.inUsed
	}
	start = p.off
	if p.buf != s.in || p.off+p.len != s.inUsed {
		start = s.inUsed
		s.inUsed += copy(s.in.B[start:], p.buf.B[p.off:p.off+p.len])
	}
	p.drop()
	return start
}

// keep remembers what lies in buf from start on, if there is anything: what is
// beyond a turn's work, or the beginning of a frame that was begun at since. A
// frame that is too large for the common buffer moves to one of its own.
func (s *Server) keep(c *conn, buf *frame.Buffer, start, end int, since int64) {
	n := end - start
	if n == 0 || c.dead || c.closing {
		return
	}
	if c.work >= turnWork {
		buf.Retain(1)
		c.part, c.waits = partial{buf: buf, off: start, len: n}, true
		s.waiting = append(s.waiting, c)
		return
	}
	if need := frame.Need(buf.B[start:end]); need > unixsock.ReadRoom {
		own := s.largeBuffer(need)
		copy(own.B, buf.B[start:end])
		if buf == s.in && end == s.inUsed {
			s.inUsed = start
		}
		c.part = partial{buf: own, len: n, need: need, since: since}
		return
	}
	buf.Retain(1)
	c.part = partial{buf: buf, off: start, len: n, since: since}
}

// route handles the frames of buf between off and end, until c has made enough
// work for this turn, and returns where the first begins that it did not handle:
// for that reason, or because it is not complete.
func (s *Server) route(c *conn, buf *frame.Buffer, off, end int) int {
	handled := 0
	for off < end && c.work < turnWork && !c.dead && !c.closing {
		f, err := frame.Next(buf.B[off:end], s.maxFrame(c))
		if err != nil {
			if errors.Is(err, frame.ErrIncomplete) {
				break
			}
			if f == nil {
				s.b.EndBatch()
				s.refuse(c, 0, err, true) // where the next frame begins is not known
				break
			}
			if c.port == nil {
				s.refuse(c, f.ID(), errHello, true)
				break
			}
			s.b.Refused(err)
			s.refuse(c, f.ID(), err, false)
			c.work++
			off += len(f)
			continue
		}
		if c.port == nil {
			if err := s.hello(c, f); err != nil {
				s.refuse(c, f.ID(), err, true)
				break
			}
			off += len(f)
			continue
		}
		switch f.Type() {
		case frame.TypePublish, frame.TypeRequest, frame.TypeReply, frame.TypeCancel:
			handled++
			if f.Type() != frame.TypePublish || f.Flags()&frame.FlagCompressed != 0 {
				c.work += workOf(f)
			}
			if err := c.port.Handle(buf, off, f); err != nil {
				c.port.Refuse(f.ID(), err)
				c.work++
			}
			if s.b.Pressed() {
				s.b.DrainPressed()
			}
		case frame.TypePong:
		default:
			handled++
			c.work += workOf(f)
			s.control(c, f)
		}
		off += len(f)
	}
	if c.rate.perSecond > 0 && handled > 0 && !c.dead {
		s.charge(c, handled)
	}
	return off
}

// maxFrame is how long a frame of c may be.
func (s *Server) maxFrame(c *conn) int {
	if c.port == nil {
		return min(s.max, frame.HeaderSize+frame.MaxHandshake)
	}
	return s.max
}

func workOf(f frame.Frame) int {
	switch t := f.Type(); {
	case t == frame.TypeSubscribe, t == frame.TypeUnsubscribe,
		t == frame.TypeRequest && string(f.Topic()) == broker.StatsTarget:
		return longWork
	}
	return 1
}

// control handles a frame that is for the server itself.
func (s *Server) control(c *conn, f frame.Frame) {
	s.b.EndBatch() // what came before it is routed before it
	switch f.Type() {
	case frame.TypeSubscribe:
		spec, err := bus.ParseSubscription(f.Payload())
		var seq uint64
		if err == nil {
			_, seq, err = c.port.Subscribe(f.ID(), spec)
		}
		if err != nil {
			s.b.Refused(err)
			s.refuse(c, f.ID(), err, false)
			return
		}
		s.ack(c, f.ID(), seq)
	case frame.TypeUnsubscribe:
		if c.stream.Subscription == f.ID() {
			c.stream = frame.Stream{}
		}
		s.forget(c, f.ID())
		c.port.Unsubscribe(f.ID())
		s.ack(c, f.ID(), 0)
	case frame.TypePing:
		c.port.Pong(f.ID(), f.Time())
	case frame.TypeError:
		// What a client reports is its own business; it is counted.
		s.b.Refused(frame.ErrFailed)
	case frame.TypeDrain:
		c.farewell = frame.AppendGoodbyeFrame(nil, frame.Now(), frame.Goodbye{Code: frame.CodeNone, Text: "drained"})
		c.closing = true
		s.watch(c)
		c.port.Finish() // else what is queued might never come to an end
		c.port.RequestWrite()
	case frame.TypeGoodbye:
		s.doom(c, nil)
	default:
		s.b.Refused(frame.ErrUnexpected)
		s.refuse(c, f.ID(), frame.ErrUnexpected, false)
	}
}

func (s *Server) ack(c *conn, id, seq uint64) {
	c.ctl = frame.AppendControl(c.ctl, frame.TypeAck, id, frame.Now(), frame.AckSize)
	c.ctl = frame.AppendAck(c.ctl, seq)
	s.said(c)
}
