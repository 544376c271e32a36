package client

import (
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/queue"
)

// compactor copies messages that a consumer is not about to take, where they are few
// in the buffer that they came in: each would keep the whole buffer, with all that came
// in it for others. Successive copies share a buffer.
type compactor struct {
	buf  *buffer.Buffer
	used int
}

const (
	compactBuffer = 16 << 10                // shared by some hundred small messages
	compactRun    = unixsock.ReadBuffer / 8 // a larger run may keep the buffer that it came in: eight times its own size at most
)

// compact copies a run whose items lie in one buffer, if it is small, and has the items
// refer to the copy. They hold no references yet.
func (c *compactor) compact(pool *buffer.Pool, run []queue.Item) {
	from, start := run[0].Buf, run[0].Off
	last := &run[len(run)-1]
	end := last.Off + last.Len
	n := int(end - start)
	if n > compactRun {
		return
	}
	switch {
	case c.buf == nil || c.buf.Refs() > 1 && len(c.buf.B)-c.used < n || len(c.buf.B) < n:
		c.release()
		c.buf = pool.Get(max(compactBuffer, n))
		c.buf.B = c.buf.B[:cap(c.buf.B)]
	case c.buf.Refs() == 1: // all copies are consumed
		c.used = 0
	}
	shift := uint32(c.used) - start // it may wrap around, and back
	c.used += copy(c.buf.B[c.used:], from.B[start:end])
	for i := range run {
		run[i].Buf = c.buf
		run[i].Off += shift
	}
}

func (c *compactor) release() {
	if c.buf != nil {
		c.buf.Release(1)
	}
	*c = compactor{}
}
