package ring_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/cpu"

	"github.com/daemoneye/eventbus/ring"
)

// What would make these figures unfair: a ring that loses elements where the channel
// keeps them (so streams use Offer, and wait while there is no room), another capacity
// or element type, a consumer that does not read what it gets (each of them sums it
// up), a machine with other work: both sides of a stream need a processor all the time,
// so repeat, and compare within one run.
const benchCapacity = 1024

// mutexQueue is the textbook bounded queue: one lock, one array.
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

// bareQueue is the floor: an array and two cursors, which never evicts, never waits
// and cannot be closed.
type bareQueue struct {
	tail     atomic.Uint64
	_        cpu.CacheLinePad
	head     atomic.Uint64
	_        cpu.CacheLinePad
	headSeen uint64
	_        cpu.CacheLinePad
	tailSeen uint64
	_        cpu.CacheLinePad
	slots    [benchCapacity]uint64
}

// rate reports elements a second beside the time of an operation.
func rate(b *testing.B, perOp int) {
	b.ReportMetric(float64(perOp)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Melem/s")
}

// BenchmarkPushPop is one element in and out on one goroutine: what the queue itself
// costs, with no cache line on the move.
func BenchmarkPushPop(b *testing.B) {
	b.Run("queue=ring", func(b *testing.B) {
		b.ReportAllocs()
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

// burst is how many elements an operation of BenchmarkStream moves.
const burst = 64

// BenchmarkStream moves elements from one goroutine to another, all of them.
func BenchmarkStream(b *testing.B) {
	for _, batch := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("queue=ring/batch=%d", batch), func(b *testing.B) { streamRing(b, batch) })
	}
	b.Run("queue=channel/batch=1", streamChannel)
	b.Run("queue=mutex/batch=1", streamMutex)
	for _, batch := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("queue=floor/batch=%d", batch), func(b *testing.B) { streamBare(b, batch) })
	}
}

func streamRing(b *testing.B, batch int) {
	b.ReportAllocs()
	r := ring.New[uint64](benchCapacity)
	total := b.N * burst
	if batch == 1 {
		go produceSingly(r, total)
	} else {
		go produceBatches(r, total, batch)
	}
	got, sum := 0, uint64(0)
	for c := range r.Batches(context.Background()) {
		part := uint64(0) // in a register, as the channel's sum is
		for _, v := range c.Items {
			part += v
		}
		sum += part
		got += len(c.Items)
	}
	if got != total || sum != uint64(total) {
		b.Fatalf("got %d elements with sum %d, want %d", got, sum, total)
	}
	rate(b, burst)
}

func produceSingly(r *ring.Ring[uint64], total int) {
	for range total {
		for !r.Offer(1) {
			runtime.Gosched()
		}
	}
	r.Close()
}

func ones(n int) []uint64 {
	vs := make([]uint64, n)
	for i := range vs {
		vs[i] = 1
	}
	return vs
}

func produceBatches(r *ring.Ring[uint64], total, batch int) {
	vs := ones(batch)
	for range total / batch {
		for n := r.OfferBatch(vs); n < batch; n += r.OfferBatch(vs[n:]) {
			runtime.Gosched()
		}
	}
	r.Close()
}

func streamChannel(b *testing.B) {
	c := make(chan uint64, benchCapacity)
	go func() {
		for range b.N * burst {
			c <- 1
		}
		close(c)
	}()
	sum := uint64(0)
	for v := range c {
		sum += v
	}
	if sum != uint64(b.N*burst) {
		b.Fatal(sum)
	}
	rate(b, burst)
}

func streamMutex(b *testing.B) {
	q := new(mutexQueue)
	go func() {
		for range b.N * burst {
			for !q.push(1) {
				runtime.Gosched()
			}
		}
	}()
	for sum := uint64(0); sum < uint64(b.N*burst); {
		v, ok := q.pop()
		if !ok {
			runtime.Gosched()
		}
		sum += v
	}
	rate(b, burst)
}

func streamBare(b *testing.B, batch int) {
	q := new(bareQueue)
	n, total := uint64(batch), uint64(b.N*burst)
	go func() {
		vs := ones(batch)
		for t := uint64(0); t < total; t += n {
			for t+n-q.headSeen > benchCapacity {
				if q.headSeen = q.head.Load(); t+n-q.headSeen > benchCapacity {
					runtime.Gosched()
				}
			}
			copy(q.slots[t%benchCapacity:], vs)
			q.tail.Store(t + n)
		}
	}()
	sum := uint64(0)
	for h := uint64(0); h < total; h += n {
		for h == q.tailSeen {
			q.tailSeen = q.tail.Load()
		}
		for _, v := range q.slots[h%benchCapacity:][:n] {
			sum += v
		}
		q.head.Store(h + n)
	}
	if sum != total {
		b.Fatal(sum)
	}
	rate(b, burst)
}

// BenchmarkEvict pushes into a full queue without a consumer.
func BenchmarkEvict(b *testing.B) {
	for _, batch := range []int{1, 64} {
		b.Run(fmt.Sprintf("queue=ring/batch=%d", batch), func(b *testing.B) {
			b.ReportAllocs()
			r := ring.New[uint64](benchCapacity)
			vs, evicted := ones(batch), make([]uint64, 0, batch)
			for b.Loop() {
				if batch == 1 {
					r.Push(1)
				} else {
					evicted = r.PushBatch(vs, evicted[:0])
				}
			}
			rate(b, batch)
		})
	}
	b.Run("queue=channel/batch=1", func(b *testing.B) {
		c := make(chan uint64, benchCapacity)
		for b.Loop() {
			for sent := false; !sent; {
				select {
				case c <- 1:
					sent = true
				default:
					select {
					case <-c:
					default:
					}
				}
			}
		}
		rate(b, 1)
	})
}

// BenchmarkRoundTrip passes one element to and fro: two hand-overs to a goroutine that
// has nothing else to do.
func BenchmarkRoundTrip(b *testing.B) {
	b.Run("queue=ring", func(b *testing.B) {
		there, back := ring.New[uint64](16), ring.New[uint64](16)
		go func() {
			for c := range there.Batches(context.Background()) {
				back.Push(c.Items[0])
			}
		}()
		defer there.Close()
		for b.Loop() {
			there.Push(1)
			if back.Wait(b.Context()) != nil {
				b.Fatal("closed")
			}
			back.Pop()
		}
	})
	b.Run("queue=channel", func(b *testing.B) {
		there, back := make(chan uint64, 16), make(chan uint64, 16)
		go func() {
			for v := range there {
				back <- v
			}
		}()
		defer close(there)
		for b.Loop() {
			there <- 1
			<-back
		}
	})
}

// BenchmarkNew shows what a ring costs before its first element, and with it.
func BenchmarkNew(b *testing.B) {
	for _, capacity := range []int{16, 1000, 100_000} {
		for _, elements := range []int{0, 1} {
			b.Run(fmt.Sprintf("capacity=%d/elements=%d", capacity, elements), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r := ring.New[[2]uint64](capacity)
					for range elements {
						r.Push([2]uint64{})
					}
				}
			})
		}
	}
}
