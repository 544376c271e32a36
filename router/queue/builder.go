package queue

import "github.com/daemoneye/eventbus/frame/buffer"

// Builder builds items of small frames, which share buffers. One goroutine at a time.
type Builder struct {
	pool *buffer.Pool
	buf  *buffer.Buffer
	used int // of buf
}

// NewBuilder returns a Builder whose buffers come from pool.
func NewBuilder(pool *buffer.Pool) Builder { return Builder{pool: pool} }

// Build returns the frame that build appends to dst as an item, which carries one
// reference.
func (c *Builder) Build(build func(dst []byte) []byte) Item {
	const size, keep = 16 << 10, 4 << 10
	if c.buf == nil || size-c.used < keep {
		c.Release()
		c.buf, c.used = c.pool.Get(size), 0
		c.buf.B = c.buf.B[:size]
	}
	buf, off := c.buf, c.used
	// The slice has no capacity beyond the buffer. So append moves a frame that does not
	// fit to new memory, from which it is copied to a buffer that is large enough.
	out := build(buf.B[off:off:size])
	if len(out) > size-off {
		big := c.pool.Get(len(out))
		big.B = append(big.B[:0], out...)
		return Item{Buf: big, Len: uint32(len(big.B))}
	}
	if len(out) > 0 && &out[0] != &buf.B[off] {
		copy(buf.B[off:], out)
	}
	c.used += len(out)
	buf.Retain(1)
	return Item{Buf: buf, Off: uint32(off), Len: uint32(len(out))}
}

// Release gives back the buffer. Items that were built keep their references.
func (c *Builder) Release() {
	if c.buf != nil {
		c.buf.Release(1)
		c.buf = nil
	}
}
