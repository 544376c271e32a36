package buffer

import (
	"sync"
	"sync/atomic"

	"github.com/valyala/bytebufferpool"
)

// classes are the capacities that a pool keeps, powers of two: bytebufferpool
// sorts what it gets back by powers of two, and its own idea of a good default
// size is right only if all buffers of one pool have the same size.
var classes = [...]int{4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20}

// Pool hands out buffers and takes them back, with a bytebufferpool for each
// size class: a few kilobytes for single messages, 256 KiB for the read loop,
// more for frames that are larger. It counts what is handed out. A Pool is safe
// for concurrent use.
type Pool struct {
	live      atomic.Int64
	allocated atomic.Uint64
	buffers   sync.Pool // of *Buffer without memory
	memory    [len(classes)]class
}

// class is the memory of one size. bytebufferpool counts with 64-bit atomics,
// which need the alignment that the field in front gives on 32-bit machines too.
type class struct {
	_ [0]atomic.Int64
	bytebufferpool.Pool
}

// NewPool returns an empty pool.
func NewPool() *Pool { return &Pool{} }

// Live returns the capacity in bytes of all buffers that are handed out and not
// back yet. It changes once a buffer, not once a message.
func (p *Pool) Live() int64 { return p.live.Load() }

// Allocated returns how often Get found no memory to use again and allocated it:
// a number that grows with the traffic shows that buffers do not come back, or
// come back later than the next collection.
func (p *Pool) Allocated() uint64 { return p.allocated.Load() }

// Get returns a buffer of length 0 and capacity size at least, with one
// reference. What it holds is undefined. Sizes above the largest class, 4 MiB,
// are allocated each time. In steady state Get allocates nothing below that.
// It panics for a negative size.
func (p *Pool) Get(size int) *Buffer {
	size, slot := classOf(size)
	b, _ := p.buffers.Get().(*Buffer)
	if b == nil {
		b = &Buffer{pool: p}
	}
	if slot < len(classes) {
		b.raw = p.memory[slot].Get()
		// What is fresh from bytebufferpool has the capacity that it guessed:
		// none at first, and another than ours if two calibrations met.
		if cap(b.raw.B) != size {
			p.allocated.Add(1)
			b.raw.B = make([]byte, 0, size)
		}
		b.B = b.raw.B[:0]
	} else {
		p.allocated.Add(1)
		b.B = make([]byte, 0, size)
	}
	b.size, b.slot = size, slot
	p.live.Add(int64(size))
	b.refs.Store(1)
	return b
}

// put takes a buffer back whose last reference is gone.
func (p *Pool) put(b *Buffer) {
	if cap(b.B) > b.size {
		panic("buffer: a buffer has outgrown the memory that was handed out")
	}
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

// Capacity returns how many bytes a buffer for size bytes has, which is what Live counts.
func Capacity(size int) int64 {
	capacity, _ := classOf(size)
	return int64(capacity)
}

// classOf returns the capacity that a buffer for size bytes has, and the index
// of its class, which is len(classes) where the size is above all classes.
func classOf(size int) (capacity, slot int) {
	if size < 0 {
		panic("buffer: get a buffer of negative size")
	}
	for i, c := range classes {
		if size <= c {
			return c, i
		}
	}
	return size, len(classes)
}
