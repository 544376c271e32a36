package server

import (
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
)

// partialWrite is the rest of a write that a full socket did not take: pieces in
// shared buffers, or copies of the server's own bytes. The references keep the
// buffers until all is written, and only then the messages count as delivered.
type partialWrite struct {
	pieces [][]byte
	own    []byte // the copies; pieces point into it, so it never grows
	items  []inFlight
	refs   []reference
}

func (p *partialWrite) empty() bool { return len(p.pieces) == 0 }

// partialMemory is the memory of writes that have ended, for the next ones: a subscriber
// that takes a stream more slowly than it comes has most of its writes taken in part. A
// connection without such a write has no memory for one.
type partialMemory struct {
	spares [4]partialWrite // empty, the first n of them with memory
	n      int
}

// maxSpareOwn is how large the memory for copies is that is kept. As a write has at most
// maxIov pieces, the memory of all spares is at most half a MiB; of usual streams it is some
// KiB.
const maxSpareOwn = 8 << 10

// take returns an empty partialWrite, with memory if there is some.
func (m *partialMemory) take() (p partialWrite) {
	if m.n > 0 {
		m.n--
		p, m.spares[m.n] = m.spares[m.n], partialWrite{}
	}
	return p
}

// recycle empties p, of which the references were released, and keeps its memory.
func (m *partialMemory) recycle(p *partialWrite) {
	clear(p.pieces)
	clear(p.items) // they would keep subscriptions that have ended
	if m.n < len(m.spares) && cap(p.own) <= maxSpareOwn {
		m.spares[m.n] = partialWrite{p.pieces[:0], p.own[:0], p.items[:0], p.refs[:0]}
		m.n++
	}
	*p = partialWrite{}
}

// savePartialWrite keeps what of g was not written, from byte n on. Bytes in shared
// buffers stay there; the server's own bytes are copied. Where the references would
// keep much more memory than there is to write, all is copied, because a client that
// takes a few small messages of many, and does not read them, must not hold the
// buffers of all. The less memory there is, the sooner a write is copied; compact
// copies it later if the socket stays full.
func (c *conn) savePartialWrite(g *gather, n int) {
	c.unsent = c.s.partials.take()
	p, pool := &c.unsent, c.s.b.Pool()
	p.items = append(p.items, g.items...)
	left := g.total - n
	retained := retainedBytes(g.refs)
	sparse := retained > 4*left+readBuffer || retained > 2*left+readRoom && pool.Live() > c.s.halfMemory
	var all *buffer.Buffer
	if sparse {
		all = pool.Get(left)
	} else {
		p.own = slices.Grow(p.own, len(g.own)+len(c.ctl))
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
			p.own = append(p.own, b...)
			b = p.own[len(p.own)-len(b):]
		}
		p.pieces = append(p.pieces, b)
	}
	c.ctl = emptied(c.ctl)
	if sparse {
		p.pieces = append(p.pieces, all.B)
		p.refs = append(p.refs, reference{all, 1})
		releaseRefs(g.refs)
		return
	}
	p.refs = append(p.refs, g.refs...)
	clear(g.refs)
}

// retainedBytes returns how much memory references keep.
func retainedBytes(refs []reference) (size int) {
	for _, r := range refs {
		size += cap(r.buf.B)
	}
	return size
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

// compact copies what is left, where the buffers that it lies in are much larger.
func (p *partialWrite) compact(pool *buffer.Pool) {
	left := p.size()
	if retainedBytes(p.refs) <= 2*left+readRoom {
		return
	}
	all := pool.Get(left)
	for _, b := range p.pieces {
		all.B = append(all.B, b...)
	}
	releaseRefs(p.refs)
	clear(p.pieces)
	p.pieces, p.refs = append(p.pieces[:0], all.B), append(p.refs[:0], reference{all, 1})
}

// writeUnsent writes what is left of the last write; true when all of it is written.
func (c *conn) writeUnsent() bool {
	p := &c.unsent
	iov := c.s.out.iov[:0]
	for _, b := range p.pieces[:min(len(p.pieces), maxIov)] {
		iov = append(iov, unixsock.Piece(b))
	}
	n, errno := unixsock.RawSend(c.fd, iov)
	clear(iov)
	if errno != 0 && errno != unix.EAGAIN {
		c.writeFailed(errno)
		return false
	}
	n = max(n, 0)
	if n > 0 {
		c.fullSince, c.sentSinceTick = 0, true
	}
	done := 0
	for done < len(p.pieces) && n >= len(p.pieces[done]) {
		n -= len(p.pieces[done])
		done++
	}
	rest := copy(p.pieces, p.pieces[done:])
	clear(p.pieces[rest:])
	p.pieces = p.pieces[:rest]
	if !p.empty() {
		p.pieces[0] = p.pieces[0][n:]
		c.block()
		return false
	}
	markDelivered(p.items)
	releaseRefs(p.refs)
	c.s.partials.recycle(p)
	return true
}

// size returns how many bytes are left to be written.
func (p *partialWrite) size() (n int) {
	for _, b := range p.pieces {
		n += len(b)
	}
	return n
}

// disconnectLargestUnsent ends the connection of which most is written in part, because
// that is what no queue can evict. It reports whether there was one.
func (s *Server) disconnectLargestUnsent() bool {
	var most *conn
	size := 0
	for _, c := range s.conns {
		if c != nil && c.state.writes() && !c.unsent.empty() {
			if n := c.unsent.size(); n > size {
				most, size = c, n
			}
		}
	}
	if most == nil {
		return false
	}
	most.disconnect(frame.CodeSlow, fmt.Sprintf("did not take %d bytes that were written in part, and memory is short", size), frame.ErrSlow)
	return true
}

// markLost counts the messages of a subscription that ends as lost. Their bytes stay:
// half a frame cannot be taken back.
func (p *partialWrite) markLost(subscription uint64) {
	kept := p.items[:0]
	for _, f := range p.items {
		if f.sub.ID == subscription {
			f.sub.Queue.Lost(f.lane, f.n, f.bytes)
			continue
		}
		kept = append(kept, f)
	}
	clear(p.items[len(kept):])
	p.items = kept
}

// dropUnsent gives up what is left of the last write.
func (c *conn) dropUnsent() {
	for _, f := range c.unsent.items {
		f.sub.Queue.Lost(f.lane, f.n, f.bytes)
	}
	releaseRefs(c.unsent.refs)
	c.s.partials.recycle(&c.unsent)
}
