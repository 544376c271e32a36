package client

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/queue"
)

// smallRuns holds copies of messages that a consumer is not about to take, and that
// are few in the buffer that they came in: each would keep the whole of that, with
// all that came in it for others. Successive runs share a buffer.
type smallRuns struct {
	buf  *frame.Buffer
	used int
}

const (
	smallBuffer = 16 << 10
	smallRun    = unixsock.ReadBuffer / 8 // a larger one may keep the buffer that it came in
)

// take copies a run whose items lie in one buffer, if it is small, and has the items
// refer to the copy. They hold no references yet.
func (s *smallRuns) take(pool *frame.Pool, run []queue.Item) {
	from, start := run[0].Buf, run[0].Off
	last := &run[len(run)-1]
	end := last.Off + last.Len
	n := int(end - start)
	if n > smallRun {
		return
	}
	switch {
	case s.buf == nil || s.buf.Refs() > 1 && len(s.buf.B)-s.used < n || len(s.buf.B) < n:
		s.release()
		s.buf = pool.Get(max(smallBuffer, n))
		s.buf.B = s.buf.B[:cap(s.buf.B)]
	case s.buf.Refs() == 1: // all is consumed
		s.used = 0
	}
	shift := uint32(s.used) - start // may wrap around, and back
	s.used += copy(s.buf.B[s.used:], from.B[start:end])
	for i := range run {
		run[i].Buf = s.buf
		run[i].Off += shift
	}
}

func (s *smallRuns) release() {
	if s.buf != nil {
		s.buf.Release(1)
	}
	*s = smallRuns{}
}
