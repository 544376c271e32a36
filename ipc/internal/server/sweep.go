package server

import (
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
)

// sweep is for what is left lying: about once a Tick it ends connections that
// did not say hello in time, or did not finish a frame that they began, and gives
// back memory that little of is needed.
func (s *Server) sweep(now int64) {
	for _, c := range s.conns {
		switch {
		case c == nil || c.dead:
		case c.port == nil && time.Duration(now-c.since) > s.o.ConnectionTimeout:
			s.leave(c, frame.CodeHandshake, "no hello within "+s.o.ConnectionTimeout.String(), frame.ErrHandshake)
		case c.half() && !c.unread() && time.Duration(now-c.part.since) > s.o.ConnectionTimeout:
			s.refuse(c, 0, fmt.Errorf("%w: a frame was begun and not finished within %s", frame.ErrHeartbeat, s.o.ConnectionTimeout), true)
		default:
			s.shrinkPart(c)
			if c.full != 0 && time.Duration(now-c.full) > sweepAge {
				s.shrinkLeft(c)
			}
		}
	}
}

// sweepAge is how long a socket is full before what waits for it is worth a copy.
const sweepAge = 500 * time.Millisecond

// half reports whether c has begun a frame whose rest has not come yet.
func (c *conn) half() bool { return c.part.buf != nil && !c.waits }

// shrinkPart moves what c has sent of a frame out of a common buffer that others
// are not read into any more, where it would keep all of that.
func (s *Server) shrinkPart(c *conn) {
	p := &c.part
	if p.buf == nil || p.buf == s.in || p.need > 0 || p.len > unixsock.ReadRoom || cap(p.buf.B) <= unixsock.ReadRoom {
		return
	}
	own := s.b.Pool().Get(p.len)
	own.B = append(own.B, p.buf.B[p.off:p.off+p.len]...)
	p.buf.Release(1)
	p.buf, p.off = own, 0
}

// largeBuffer returns a buffer for a frame of need bytes. Frames that were begun
// and are not finished hold half of MaxMemory together, at most: beyond that the
// one that was begun first is given up, and its connection with it. Who just begins
// one is served: the others may never go on. A single one is always admitted.
func (s *Server) largeBuffer(need int) *frame.Buffer {
	for s.halves > 0 && int64(s.halves+need) > s.halfMemory {
		var oldest *conn
		for _, c := range s.conns {
			if c != nil && c.part.need > 0 && (oldest == nil || c.part.since < oldest.part.since) {
				oldest = c
			}
		}
		holds := s.halves
		s.dropPart(oldest)
		if !oldest.dead {
			s.refuse(oldest, 0, fmt.Errorf("%w: frames that are not finished hold %d bytes, and this one was begun first", frame.ErrMemory, holds), true)
		}
	}
	s.halves += need
	buf := s.b.Pool().Get(need)
	buf.B = buf.B[:need]
	return buf
}

// dropPart gives up what c has sent and was not routed.
func (s *Server) dropPart(c *conn) {
	s.halves -= c.part.need
	c.part.drop()
}
