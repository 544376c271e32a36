package server

import (
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
)

// partial is what was read and not routed: the beginning of a frame whose rest has
// not come yet, or, under holdWork, more than a turn's work.
type partial struct {
	buf *buffer.Buffer // nil: none; one reference is held
	off int
	len int
	// need is the frame's length when buf is a buffer of its own for a frame that is
	// too large for the common one; else 0.
	need int
	// since is when the frame was begun, or could last be continued.
	since int64
}

func (p *partial) drop() {
	if p.buf != nil {
		p.buf.Release(1)
		*p = partial{}
	}
}

// inFrame reports whether c has begun a frame whose rest has not come yet.
func (c *conn) inFrame() bool { return c.part.buf != nil && c.hold&holdWork == 0 }

// joinPart puts c's partial frame right before the bytes that are read next, and
// returns where it begins. It is there already when no other connection was read
// since.
func (c *conn) joinPart() (start int) {
	s, p := c.s, &c.part
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

// keepPart keeps what lies in buf from start on, if there is anything: what is beyond
// a turn's work, or the beginning of a frame that was begun at since. A frame that is
// too large for the common buffer moves to one of its own.
func (c *conn) keepPart(buf *buffer.Buffer, start, end int, since int64) {
	s, n := c.s, end-start
	if n == 0 || !c.state.reads() {
		return
	}
	if c.spent() {
		buf.Retain(1)
		c.part = partial{buf: buf, off: start, len: n}
		c.hold |= holdWork
		s.workHeld = append(s.workHeld, c)
		return
	}
	if need := frame.Need(buf.B[start:end]); need > readRoom {
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

// routeHeldWork routes what connections have sent beyond the last turn's work; it
// reports whether there was any. Those that are not read for another reason wait on.
func (s *Server) routeHeldWork() (worked bool) {
	waiting := s.workHeld
	s.workHeld = s.workHeld[:0]
	for _, c := range waiting {
		switch p := c.part; {
		case !c.state.reads(): // end drops its part
		case c.readsHeld():
			s.workHeld = append(s.workHeld, c)
		case !c.beginTurn():
			worked = true
			s.workHeld = append(s.workHeld, c)
		default:
			worked = true
			c.part = partial{}
			c.hold &^= holdWork
			next := c.route(p.buf, p.off, p.off+p.len)
			c.keepPart(p.buf, next, p.off+p.len, frame.Now())
			s.b.EndBatch()
			p.buf.Release(1)
		}
	}
	clear(waiting[len(s.workHeld):])
	return worked
}

// largeBuffer returns a buffer for a frame of need bytes. Frames that were begun and
// are not finished hold half of MaxMemory together, at most. Beyond that the frame
// that was begun first is given up, and its connection with it, because it may never
// be finished; the frame that begins now is served. A single frame is always admitted.
func (s *Server) largeBuffer(need int) *buffer.Buffer {
	for s.unfinished > 0 && int64(s.unfinished+need) > s.halfMemory {
		var oldest *conn
		for _, c := range s.conns {
			if c != nil && c.part.need > 0 && (oldest == nil || c.part.since < oldest.part.since) {
				oldest = c
			}
		}
		total := s.unfinished
		oldest.dropPart()
		if oldest.state < closing {
			oldest.refuse(0, fmt.Errorf("%w: frames that are not finished hold %d bytes, and this one was begun first", frame.ErrMemory, total), true)
		}
	}
	s.unfinished += need
	buf := s.b.Pool().Get(need)
	buf.B = buf.B[:need]
	return buf
}

// dropPart gives up what c has sent and was not routed.
func (c *conn) dropPart() {
	c.s.unfinished -= c.part.need
	c.part.drop()
}

// compactPart moves what c has sent of a frame out of a common buffer that is not
// read into any more, because it would keep all of that.
func (c *conn) compactPart() {
	s, p := c.s, &c.part
	if p.buf == nil || p.buf == s.in || p.need > 0 || p.len > readRoom || cap(p.buf.B) <= readRoom {
		return
	}
	own := s.b.Pool().Get(p.len)
	own.B = append(own.B, p.buf.B[p.off:p.off+p.len]...)
	p.buf.Release(1)
	p.buf, p.off = own, 0
}
