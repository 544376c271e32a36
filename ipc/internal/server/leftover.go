package server

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/broker"
)

// stash keeps what of g was not written, from byte n on. Bytes in shared buffers
// stay there, for c holds on to the references until all is written; the
// server's own bytes are copied. Where the references would keep much more memory
// than there is to write, all is copied: a client that takes a few small messages
// of many, and does not read them, must not hold the buffers of all. It is copied
// the sooner the less memory there is; and later, if the socket stays full.
func (s *Server) stash(c *conn, g *gather, n int) {
	c.heldItems = append(c.heldItems[:0], g.items...)
	left := g.total - n
	kept := pinned(g.refs)
	sparse := kept > 4*left+unixsock.ReadBuffer || kept > 2*left+unixsock.ReadRoom && s.b.Pool().Live() > s.halfMemory
	var all *frame.Buffer
	if sparse {
		all = s.b.Pool().Get(left)
	}
	for _, v := range g.iov {
		size := int(v.Len)
		if n >= size {
			n -= size
			continue
		}
		b := unsafe.Slice(v.Base, size)[n:]
		n = 0
		switch {
		case sparse:
			all.B = append(all.B, b...)
			continue
		case within(v.Base, g.own) || within(v.Base, c.ctl):
			b = append([]byte(nil), b...)
		}
		c.left = append(c.left, b)
	}
	c.ctl = emptied(c.ctl)
	if sparse {
		c.left = append(c.left, all.B)
		c.heldRefs = append(c.heldRefs[:0], reference{all, 1})
		release(g.refs)
		return
	}
	c.heldRefs = append(c.heldRefs[:0], g.refs...)
	clear(g.refs)
}

// pinned returns how much memory references keep.
func pinned(refs []reference) (size int) {
	for _, r := range refs {
		size += cap(r.buf.B)
	}
	return size
}

// shrinkLeft copies what is left, where the buffers that it lies in are larger.
func (s *Server) shrinkLeft(c *conn) {
	left := 0
	for _, b := range c.left {
		left += len(b)
	}
	if pinned(c.heldRefs) <= 2*left+unixsock.ReadRoom {
		return
	}
	all := s.b.Pool().Get(left)
	for _, b := range c.left {
		all.B = append(all.B, b...)
	}
	release(c.heldRefs)
	c.left, c.heldRefs = append(c.left[:0], all.B), append(c.heldRefs[:0], reference{all, 1})
}

// within reports whether p points into b.
func within(p *byte, b []byte) bool {
	if cap(b) == 0 {
		return false
	}
	first := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	at := uintptr(unsafe.Pointer(p))
	return at >= first && at < first+uintptr(cap(b))
}

// writeLeft writes what was left; true when all of it is written.
func (s *Server) writeLeft(c *conn) bool {
	iov := s.out.iov[:0]
	for _, b := range c.left[:min(len(c.left), maxIov)] {
		iov = append(iov, unix.Iovec{Base: &b[0], Len: uint64(len(b))})
	}
	n, errno := unixsock.RawSend(c.fd, iov)
	clear(iov)
	if errno != 0 && errno != unix.EAGAIN {
		s.gone(c, errno)
		return false
	}
	n = max(n, 0)
	if n > 0 {
		c.full, c.spoke = 0, true
	}
	done := 0
	for done < len(c.left) && n >= len(c.left[done]) {
		n -= len(c.left[done])
		done++
	}
	c.left = c.left[:copy(c.left, c.left[done:])]
	if len(c.left) > 0 {
		c.left[0] = c.left[0][n:]
		s.block(c)
		return false
	}
	c.left = nil
	deliver(c.heldItems)
	release(c.heldRefs)
	c.heldItems, c.heldRefs = nil, nil
	return true
}

// forget books what is held for a subscription that ends as lost. Its bytes are
// on the way and stay so: half a frame cannot be taken back.
func (s *Server) forget(c *conn, id uint64) {
	kept := c.heldItems[:0]
	for _, h := range c.heldItems {
		if h.sub.ID == id {
			h.sub.Queue.Lost(h.lane, h.n, h.bytes)
			continue
		}
		kept = append(kept, h)
	}
	c.heldItems = kept
}

// dropHeld gives up what was not written.
func (s *Server) dropHeld(c *conn) {
	for _, h := range c.heldItems {
		h.sub.Queue.Lost(h.lane, h.n, h.bytes)
	}
	release(c.heldRefs)
	c.left, c.heldItems, c.heldRefs = nil, nil, nil
}

var _ broker.Sink = (*conn)(nil)
var _ broker.Driver = (*Server)(nil)
