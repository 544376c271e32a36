package frame

import (
	"sync"
	"sync/atomic"

	"github.com/valyala/bytebufferpool"
)

// classes are the capacities that a pool keeps, powers of two: bytebufferpool
// sorts what it gets back by powers of two, and its own idea of a good default
// size is right only if all buffers of one pool have one and the same.
var classes = [...]int{4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20}

// Pool hands out buffers and takes them back, with a bytebufferpool for each
// size class: a few kilobytes for single messages, 256 KiB for the read loop,
// more for frames that are larger. It counts what is out. Pools are safe for
// concurrent use.
type Pool struct {
	live    atomic.Int64
	buffers sync.Pool // of *Buffer without memory
	memory  [len(classes)]bytebufferpool.Pool
}

// NewPool returns an empty pool.
func NewPool() *Pool { return &Pool{} }

// Live returns the capacity in bytes of all buffers that are handed out and not
// back yet. It changes once per buffer, not per message.
func (p *Pool) Live() int64 { return p.live.Load() }

// Get returns a buffer of length 0 and capacity size at least, with one
// reference. What it holds is undefined. Sizes above the largest class, 4 MiB,
// are allocated each time. In steady state Get allocates nothing below that.
// It panics for a negative size.
func (p *Pool) Get(size int) *Buffer {
	if size < 0 {
		panic("frame: get a buffer of negative size")
	}
	b, _ := p.buffers.Get().(*Buffer)
	if b == nil {
		b = &Buffer{pool: p}
	}
	b.slot = classOf(size)
	if b.slot < len(classes) {
		size = classes[b.slot]
		b.raw = p.memory[b.slot].Get()
		// What is fresh from bytebufferpool has the capacity that it guessed:
		// none at first, and another than ours if two calibrations met.
		if cap(b.raw.B) != size {
			b.raw.B = make([]byte, 0, size)
		}
		b.B = b.raw.B[:0]
	} else {
		b.B = make([]byte, 0, size)
	}
	b.size = size
	p.live.Add(int64(size))
	b.refs.Store(1)
	return b
}

// put takes a buffer back whose last reference is gone. An owner may have
// replaced B by something larger; what was handed out is what goes back.
func (p *Pool) put(b *Buffer) {
	p.live.Add(-int64(b.size))
	raw := b.raw
	b.B, b.raw = nil, nil
	if raw != nil {
		// bytebufferpool sorts by length; a full one is in its class.
		raw.B = raw.B[:b.size]
		p.memory[b.slot].Put(raw)
	}
	p.buffers.Put(b)
}

// classOf returns the index of the smallest class that holds size, and
// len(classes) where none does.
func classOf(size int) int {
	for i, c := range classes {
		if size <= c {
			return i
		}
	}
	return len(classes)
}
