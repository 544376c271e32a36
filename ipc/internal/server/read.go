package server

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
)

// All connections are read into one buffer, one after the other. An idle connection
// then costs no buffer, and while subscribers keep up the same memory is used again
// and again, which the processor's cache likes. A buffer that is still referred to
// when it is nearly full is left to its references, and another one taken.
const (
	readBuffer = unixsock.ReadBuffer
	readRoom   = unixsock.ReadRoom // another buffer is taken when less than this is left
)

// read takes what c has sent, as much as there is room for, and routes it.
func (c *conn) read() {
	s := c.s
	if !c.state.reads() || !c.beginTurn() {
		return
	}
	c.makeRoom()
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
		start = c.joinPart()
		n, errno = unixsock.RawRecv(c.fd, s.in.B[s.inUsed:])
		if errno == 0 {
			s.inUsed += n
		}
	}
	switch {
	case errno == unix.EAGAIN:
		if c.part.need == 0 {
			c.keepPart(s.in, start, s.inUsed, since)
		}
		return
	case errno != 0 && errno != unix.ECONNRESET: // ECONNRESET is an end with something unread
		c.close(unixsock.NewOpError("read", s.l.Path(), errno))
		return
	case errno != 0 || n == 0:
		c.close(c.endOfStream(start))
		return
	}
	s.turnBytes += n
	c.lastRead, c.pinged = frame.Now(), false
	if c.part.need > 0 {
		if c.part.len < c.part.need {
			return
		}
		large := c.part.buf
		s.unfinished -= c.part.need
		c.part, since = partial{}, 0
		c.route(large, 0, len(large.B))
		s.b.EndBatch()
		large.Release(1)
	}
	next := c.route(s.in, start, s.inUsed)
	if next > start || since == 0 {
		since = c.lastRead // it is another frame
	}
	c.keepPart(s.in, next, s.inUsed, since)
	// The messages of different clients do not share a batch, because the next client
	// has another session. But the buffer may be replaced before the turn is over.
	s.b.EndBatch()
}

// endOfStream returns the fault of a client that hung up: an end inside a frame.
func (c *conn) endOfStream(start int) error {
	if c.part.len > 0 || c.s.inUsed > start {
		return unixsock.NewOpError("read", c.s.l.Path(), fmt.Errorf("%w: %w inside a frame", frame.ErrLength, io.ErrUnexpectedEOF))
	}
	return nil
}

// makeRoom sees to it that the common buffer has room for a read.
func (c *conn) makeRoom() {
	s := c.s
	if s.in != nil {
		switch p := &c.part; {
		case s.in.Refs() == 1: // nothing refers to what was read: begin anew
			s.inUsed = 0
			return
		case s.in.Refs() == 2 && p.buf == s.in: // only c's unfinished frame does
			s.inUsed = copy(s.in.B, s.in.B[p.off:p.off+p.len])
			p.off = 0
			return
		}
	}
	if s.in == nil || readBuffer-s.inUsed < readRoom {
		if s.in != nil {
			s.in.Release(1)
		}
		s.in, s.inUsed = s.b.Pool().Get(readBuffer), 0
		s.in.B = s.in.B[:readBuffer]
	}
}
