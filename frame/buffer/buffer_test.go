package buffer_test

import (
	"sync"
	"testing"
	"unsafe"

	"github.com/daemoneye/eventbus/frame/buffer"
)

func TestGetGivesAtLeastTheSizeAskedFor(t *testing.T) {
	p := buffer.NewPool()
	for _, size := range []int{0, 1, 4 << 10, 4<<10 + 1, 16 << 10, 64 << 10, 256 << 10, 1<<20 + 1, 4 << 20, 5 << 20} {
		b := p.Get(size)
		if len(b.B) != 0 || cap(b.B) < size || b.Refs() != 1 {
			t.Errorf("size %d: length %d, capacity %d, %d references", size, len(b.B), cap(b.B), b.Refs())
		}
		if p.Live() != int64(cap(b.B)) {
			t.Errorf("size %d: %d bytes live, want %d", size, p.Live(), cap(b.B))
		}
		b.Release(1)
		if p.Live() != 0 {
			t.Errorf("size %d: %d bytes live after the release, want 0", size, p.Live())
		}
	}
}

func TestLastReleaseReturnsTheBuffer(t *testing.T) {
	p := buffer.NewPool()
	b := p.Get(100)
	b.Retain(3)
	b.Retain(0)
	b.Release(0)
	b.Release(2)
	b.Release(1)
	if p.Live() == 0 || b.Refs() != 1 {
		t.Fatalf("%d bytes live, %d references, want one left", p.Live(), b.Refs())
	}
	b.Release(1)
	if p.Live() != 0 {
		t.Fatalf("%d bytes live, want 0", p.Live())
	}
}

func TestMisusePanics(t *testing.T) {
	p := buffer.NewPool()
	free := func() *buffer.Buffer { b := p.Get(1); b.Release(1); return b }
	mustPanic(t, "second release", func() { free().Release(1) })
	mustPanic(t, "retain after release", func() { free().Retain(1) })
	mustPanic(t, "more than there are", func() { p.Get(1).Release(2) })
	mustPanic(t, "negative retain", func() { p.Get(1).Retain(-1) })
	mustPanic(t, "negative release", func() { p.Get(1).Release(-1) })
	mustPanic(t, "negative size", func() { p.Get(-1) })
}

// TestBufferMustNotOutgrowItsMemory: what is put in the place of B would be in
// no count.
func TestBufferMustNotOutgrowItsMemory(t *testing.T) {
	p := buffer.NewPool()
	b := p.Get(10)
	b.B = append(b.B, make([]byte, 1<<20)...)
	mustPanic(t, "release of a buffer that has grown", func() { b.Release(1) })
}

// TestAllocatedCountsFreshMemory holds buffers at the same time, so that none can
// be used again.
func TestAllocatedCountsFreshMemory(t *testing.T) {
	p := buffer.NewPool()
	var held []*buffer.Buffer
	for _, size := range []int{1, 1, 64 << 10, 5 << 20} {
		held = append(held, p.Get(size))
	}
	if n := p.Allocated(); n != 4 {
		t.Errorf("%d allocations for 4 buffers held at once", n)
	}
	for _, b := range held {
		b.Release(1)
	}
}

// TestBuffersKeepTheirClass goes far past the number of Puts after which
// bytebufferpool adjusts its sizes: what comes out must still be what went in,
// in every class, without a new allocation.
func TestBuffersKeepTheirClass(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes sync.Pool forget")
	}
	p := buffer.NewPool()
	for _, size := range []int{4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20} {
		first := p.Get(size)
		memory := unsafe.SliceData(first.B)
		first.Release(1)
		moved := 0
		for range 100_000 {
			b := p.Get(size - 1)
			if cap(b.B) != size {
				t.Fatalf("class %d: capacity %d", size, cap(b.B))
			}
			if at := unsafe.SliceData(b.B); at != memory {
				memory, moved = at, moved+1
			}
			b.B = b.B[:1] // what the owner leaves behind must not matter
			b.Release(1)
		}
		// A collection or a move to another processor loses one now and then.
		if moved > 1000 {
			t.Errorf("class %d: %d of 100000 buffers were new", size, moved)
		}
	}
}

// TestConcurrentReleaseIsExactlyOnce passes buffers through many hands, in
// batches, as fan-out does. Conservation: all that was handed out is back, and
// nobody saw another's bytes while holding a reference.
func TestConcurrentReleaseIsExactlyOnce(t *testing.T) {
	const producers, consumers, rounds = 4, 4, 2000
	p := buffer.NewPool()
	queues := make([]chan *buffer.Buffer, consumers)
	var reading, writing sync.WaitGroup
	for i := range queues {
		queues[i] = make(chan *buffer.Buffer, 16)
		reading.Go(func() {
			for b := range queues[i] {
				want := b.B[0]
				for _, got := range b.B {
					if got != want {
						t.Errorf("read %d, want %d: the buffer was handed out again", got, want)
						break
					}
				}
				b.Release(1)
			}
		})
	}
	for i := range producers {
		writing.Go(func() {
			for n := range rounds {
				b := p.Get(64)
				mark := byte(i*rounds + n)
				b.B = b.B[:64]
				for k := range b.B {
					b.B[k] = mark
				}
				b.Retain(consumers)
				for _, q := range queues {
					q <- b
				}
				b.Release(1)
			}
		})
	}
	writing.Wait()
	for _, q := range queues {
		close(q)
	}
	reading.Wait()
	if p.Live() != 0 {
		t.Errorf("%d bytes live, want 0", p.Live())
	}
}

func TestGetAndReleaseAllocateNothing(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes sync.Pool forget")
	}
	p := buffer.NewPool()
	for _, size := range []int{1, 256 << 10, 4 << 20} {
		// A collection in between may empty a sync.Pool: what is missing once in a few
		// tries is not a leak.
		least := 1.0
		for range 3 {
			least = min(least, testing.AllocsPerRun(1000, func() { p.Get(size).Release(1) }))
		}
		if least != 0 {
			t.Errorf("%d bytes: %v allocations, want 0", size, least)
		}
	}
}

func mustPanic(t *testing.T, what string, run func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	run()
}
