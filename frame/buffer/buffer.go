package buffer

import (
	"sync/atomic"

	"github.com/valyala/bytebufferpool"
)

// Buffer is a pooled piece of memory that several owners share. Get hands it
// out with one reference. An owner that passes it on retains first, an owner
// that is done releases, and the last release gives the memory back to its pool.
// All of B belongs to the owners together: bytes that one of them wrote and passed
// on are read only from then on.
//
// Retain and Release are safe for concurrent use. B itself may be resliced and
// filled only by its single owner, before it is shared, and only within its
// capacity: memory that is put in its place would be in nobody's count.
type Buffer struct {
	B []byte // length 0 and the capacity asked for, or more, when it comes from Get

	refs atomic.Int32

	// set by Get, read by the last Release
	pool *Pool
	raw  *bytebufferpool.ByteBuffer // nil: too large for a class, left to the collector
	size int                        // capacity handed out, counted by the pool
	slot int                        // index of the class
}

// Retain adds n references; the caller must hold one. Handing a batch of n
// frames on costs one Retain(n). It panics for a negative n, and when nobody
// holds a reference. Retain(0) does nothing.
func (b *Buffer) Retain(n int) {
	if n <= 0 {
		if n < 0 {
			panic("buffer: retain a negative number of references")
		}
		return
	}
	if b.refs.Add(int32(n)) <= int32(n) {
		panic("buffer: retain a buffer that is released")
	}
}

// Release gives n references up; the last one returns the buffer to its pool,
// and B must not be touched after it. It panics for a caller that gives up more
// than there are: at the second release of a free buffer, or, when the buffer
// has been handed out again in between, at that owner's. The last release also
// panics if B has outgrown the memory that Get handed out. Release(0) does
// nothing.
func (b *Buffer) Release(n int) {
	if n <= 0 {
		if n < 0 {
			panic("buffer: release a negative number of references")
		}
		return
	}
	left := b.refs.Add(int32(-n))
	if left > 0 {
		return
	}
	if left < 0 {
		panic("buffer: release a buffer more often than it was retained")
	}
	b.pool.put(b)
}

// Refs returns how many references there are. It is for tests and accounting:
// in any other use the number has changed before the caller looks at it.
func (b *Buffer) Refs() int { return int(b.refs.Load()) }
