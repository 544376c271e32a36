package ring_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/daemoneye/eventbus/ring"
)

// What would make these figures unfair: a ring that loses elements while the
// channel keeps them (so streams use Offer and retry), a channel of another
// capacity, another element type, a side that sleeps while the other is timed.
const benchCapacity = 1024

// mutexQueue is the textbook bounded queue: one lock, one slice.
type mutexQueue struct {
	mu         sync.Mutex
	slots      [benchCapacity]uint64
	head, tail uint64
}

func (q *mutexQueue) push(v uint64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.tail-q.head == benchCapacity {
		return false
	}
	q.slots[q.tail%benchCapacity] = v
	q.tail++
	return true
}

func (q *mutexQueue) pop() (uint64, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.tail == q.head {
		return 0, false
	}
	v := q.slots[q.head%benchCapacity]
	q.head++
	return v, true
}

// rate reports elements a second beside the time of an operation.
func rate(b *testing.B, perOp int) {
	b.ReportMetric(float64(perOp)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Melem/s")
}

// BenchmarkPushPop is one element in and out on one goroutine: what the queue
// itself costs, with no cache line on the move.
func BenchmarkPushPop(b *testing.B) {
	b.Run("queue=ring", func(b *testing.B) {
		r := ring.New[uint64](benchCapacity)
		for b.Loop() {
			r.Push(1)
			r.Pop()
		}
		rate(b, 1)
	})
	b.Run("queue=channel", func(b *testing.B) {
		c := make(chan uint64, benchCapacity)
		for b.Loop() {
			c <- 1
			<-c
		}
		rate(b, 1)
	})
	b.Run("queue=mutex", func(b *testing.B) {
		q := new(mutexQueue)
		for b.Loop() {
			q.push(1)
			q.pop()
		}
		rate(b, 1)
	})
}

// BenchmarkStream moves elements from one goroutine to another, all of them.
func BenchmarkStream(b *testing.B) {
	for _, batch := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("queue=ring/batch=%d", batch), func(b *testing.B) { streamRing(b, batch) })
	}
	b.Run("queue=channel", streamChannel)
	b.Run("queue=mutex", streamMutex)
}

func streamRing(b *testing.B, batch int) {
	r := ring.New[uint64](benchCapacity)
	total := b.N * 64
	if batch == 1 {
		go produceSingly(r, total)
	} else {
		go produceBatches(r, total, batch)
	}
	got, sum := 0, uint64(0)
	for c := range r.Batches(context.Background()) {
		for _, v := range c.Items {
			sum += v
		}
		got += len(c.Items)
	}
	if got != total || sum != uint64(total) {
		b.Fatalf("got %d elements with sum %d, want %d", got, sum, total)
	}
	rate(b, 64)
}

func produceSingly(r *ring.Ring[uint64], total int) {
	for range total {
		for !r.Offer(1) {
			runtime.Gosched()
		}
	}
	r.Close()
}

func produceBatches(r *ring.Ring[uint64], total, batch int) {
	vs := make([]uint64, batch)
	for i := range vs {
		vs[i] = 1
	}
	for range total / batch {
		for n := r.OfferBatch(vs); n < batch; n += r.OfferBatch(vs[n:]) {
			runtime.Gosched()
		}
	}
	r.Close()
}

func streamChannel(b *testing.B) {
	c := make(chan uint64, benchCapacity)
	total := b.N * 64
	go func() {
		for i := range total {
			c <- uint64(i)
		}
		close(c)
	}()
	for range c {
	}
	rate(b, 64)
}

func streamMutex(b *testing.B) {
	q := new(mutexQueue)
	total := b.N * 64
	go func() {
		for i := range total {
			for !q.push(uint64(i)) {
				runtime.Gosched()
			}
		}
	}()
	for n := 0; n < total; {
		if _, ok := q.pop(); ok {
			n++
		} else {
			runtime.Gosched()
		}
	}
	rate(b, 64)
}

// BenchmarkEvict pushes into a ring that is full and that nobody reads.
func BenchmarkEvict(b *testing.B) {
	b.Run("batch=1", func(b *testing.B) {
		r := ring.New[uint64](benchCapacity)
		for b.Loop() {
			r.Push(1)
		}
		rate(b, 1)
	})
	b.Run("batch=64", func(b *testing.B) {
		r := ring.New[uint64](benchCapacity)
		vs := make([]uint64, 64)
		evicted := make([]uint64, 0, 64)
		for b.Loop() {
			evicted = r.PushBatch(vs, evicted[:0])
		}
		rate(b, 64)
	})
}

//go:noinline
func spinABit() {
	for range 1500 {
	}
}
