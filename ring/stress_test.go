package ring_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/daemoneye/eventbus/ring"
)

// A side of the stress test runs one kind of operation until it is done.
type (
	pushing func(l *ledger, r *ring.Ring[cell], elements int)
	popping func(t *testing.T, l *ledger, r *ring.Ring[cell])
)

var producers = map[string]pushing{
	"Push": func(l *ledger, r *ring.Ring[cell], elements int) {
		for range elements {
			l.pushOne(r)
		}
	},
	"PushBatch": func(l *ledger, r *ring.Ring[cell], elements int) {
		var out []cell
		for left := elements; left > 0; {
			vs := nextBatch(l, min(left, 1+rand.IntN(2*r.Cap())))
			left -= len(vs)
			out = r.PushBatch(vs, out[:0])
			l.evict(out...)
		}
	},
	"Offer": func(l *ledger, r *ring.Ring[cell], elements int) {
		// Evict now and then, or the other side could stop everything.
		for range elements {
			if !r.Offer(l.next()) {
				l.unsent(1)
				l.evict(r.Evict(1, nil)...)
			}
		}
	},
	"OfferBatch": func(l *ledger, r *ring.Ring[cell], elements int) {
		for left := elements; left > 0; {
			vs := nextBatch(l, min(left, 1+rand.IntN(2*r.Cap())))
			n := r.OfferBatch(vs)
			l.unsent(len(vs) - n)
			if left -= n; n == 0 {
				l.evict(r.Evict(1+rand.IntN(r.Cap()), nil)...)
			}
		}
	},
	"mixed": func(l *ledger, r *ring.Ring[cell], elements int) {
		for left := elements; left > 0; left-- {
			switch rand.IntN(4) {
			case 0:
				l.evict(r.PushBatch(nextBatch(l, min(left, 3)), nil)...)
				left -= min(left, 3) - 1
			case 1:
				l.evict(r.Evict(rand.IntN(3), nil)...)
				fallthrough
			default:
				l.pushOne(r)
			}
		}
	},
}

// consumers run until the ring is closed and drained, and then ask for what was
// evicted last, except for Batches, which reports that by itself.
var consumers = map[string]popping{
	"Pop": func(t *testing.T, l *ledger, r *ring.Ring[cell]) {
		for r.Wait(t.Context()) == nil {
			if c, ok := r.Pop(); ok {
				l.pop(c)
			}
		}
		l.batch(r.Claim(1))
	},
	"PopBatch": func(t *testing.T, l *ledger, r *ring.Ring[cell]) {
		dst := make([]cell, 1+r.Cap()/2)
		for r.Wait(t.Context()) == nil {
			n, lost := r.PopBatch(dst)
			l.batch(ring.Batch[cell]{Items: dst[:n], Seq: l.expected + lost, Lost: lost})
		}
		l.batch(r.Claim(1))
	},
	"Claim": func(t *testing.T, l *ledger, r *ring.Ring[cell]) {
		for r.Wait(t.Context()) == nil {
			l.batch(dwell(t, r.Claim(1+rand.IntN(r.Cap()))))
		}
		l.batch(r.Claim(1))
	},
	"Batches": func(t *testing.T, l *ledger, r *ring.Ring[cell]) {
		for b := range r.Batches(t.Context()) {
			l.batch(dwell(t, b))
		}
	},
	"mixed": func(t *testing.T, l *ledger, r *ring.Ring[cell]) {
		for r.Wait(t.Context()) == nil {
			l.batch(r.Claim(2))
			if c, ok := r.Pop(); ok {
				l.pop(c)
			}
			l.batch(r.Claim(64))
			r.Release()
		}
		l.batch(r.Claim(1))
	},
}

func nextBatch(l *ledger, n int) []cell {
	vs := make([]cell, n)
	for i := range vs {
		vs[i] = l.next()
	}
	return vs
}

// dwell reads a claim twice, the second time after the producer had a chance to
// overwrite it, if anything allowed that.
func dwell(t *testing.T, b ring.Batch[cell]) ring.Batch[cell] {
	before := append([]cell(nil), b.Items...)
	for range rand.IntN(3) {
		for i, c := range b.Items {
			if c != before[i] {
				t.Errorf("claimed slot changed: %+v, was %+v", c, before[i])
			}
		}
	}
	return b
}

// sizing is how a ring of the stress test counts bytes.
type sizing struct {
	name     string
	sizeOf   func(*cell) int
	maxBytes func(capacity int) int64
}

// sizings are three. The budget is tighter than the capacity, and now and then the
// capacity is tighter.
var sizings = []sizing{
	{name: "elements", maxBytes: func(int) int64 { return 0 }},
	{name: "counted", sizeOf: modelSize, maxBytes: func(int) int64 { return 0 }},
	{name: "budget", sizeOf: modelSize, maxBytes: func(capacity int) int64 { return int64(8 + 4*capacity) }},
}

// TestEveryOperationPair runs each kind of producer against each kind of consumer,
// with a third goroutine that only reads, on rings with and without sizes.
func TestEveryOperationPair(t *testing.T) {
	elements := 20000
	if raceEnabled || testing.Short() {
		elements = 3000
	}
	for _, sizing := range sizings {
		capacities, shifts := []int{1, 2, 3, 7, 16, 100}, []uint{0, 1, 3}
		if sizing.sizeOf != nil {
			capacities, shifts = []int{1, 3, 16}, []uint{0, 2}
		}
		for pushName, push := range producers {
			for popName, pop := range consumers {
				for _, capacity := range capacities {
					for _, shift := range shifts {
						name := fmt.Sprintf("%s/%s/%s/capacity=%d/chunk=%d", sizing.name, pushName, popName, capacity, 1<<shift)
						t.Run(name, func(t *testing.T) {
							o := ring.Options[cell]{Capacity: capacity, MaxBytes: sizing.maxBytes(capacity), SizeOf: sizing.sizeOf}
							stress(t, ring.NewChunked(o, shift), o, elements, push, pop)
						})
					}
				}
			}
		}
	}
}

func stress(t *testing.T, r *ring.Ring[cell], o ring.Options[cell], elements int, push pushing, pop popping) {
	l := newLedger(t, elements+2*r.Cap())
	b := newBounds(o, len(l.tokens))
	l.budget, l.watch = o.MaxBytes, func() { b.check(t, r) }
	var sides, watcher sync.WaitGroup
	done := make(chan struct{})
	watcher.Go(func() { watch(t, r, b, done) })
	sides.Go(func() {
		push(l, r, elements)
		r.Close()
		l.evict(r.Evict(rand.IntN(r.Cap()+1), nil)...)
	})
	sides.Go(func() { pop(t, l, r) })
	sides.Wait()
	close(done)
	watcher.Wait()
	l.settle(r)
	if l.lostCount != l.evictedCount {
		t.Errorf("the consumer was shown a loss of %d, the producer evicted %d", l.lostCount, l.evictedCount)
	}
}

// bounds are what a ring must not hold more of, at any moment.
type bounds struct {
	capacity uint64
	maxBytes int64   // 0: no such bound
	bytes    []int64 // bytes[n] is what the first n elements have, where an id is a position
}

func newBounds(o ring.Options[cell], elements int) bounds {
	b := bounds{capacity: uint64(o.Capacity), maxBytes: o.MaxBytes}
	if o.MaxBytes > 0 {
		b.bytes = make([]int64, 1, elements+1)
		for id := range uint64(elements) {
			b.bytes = append(b.bytes, b.bytes[id]+int64(o.SizeOf(&cell{id: id})))
		}
	}
	return b
}

// check reads the cursors themselves: Len, Bytes and Stats keep their bounds whatever
// the ring does.
func (b *bounds) check(t *testing.T, r *ring.Ring[cell]) {
	tail, head := r.Cursors()
	if head >= tail {
		return // head has moved on in between
	}
	if tail-head > b.capacity {
		t.Errorf("%d elements are queued, the capacity is %d", tail-head, b.capacity)
	}
	if b.maxBytes > 0 && b.bytes[tail]-b.bytes[head] > b.maxBytes {
		t.Errorf("%d bytes are queued, the budget is %d", b.bytes[tail]-b.bytes[head], b.maxBytes)
	}
}

// watch reads what any goroutine may read, and checks that it makes sense.
func watch(t *testing.T, r *ring.Ring[cell], b bounds, done chan struct{}) {
	var before ring.Stats
	for {
		b.check(t, r)
		s := r.Stats()
		if s.Pushed < before.Pushed || s.Pushed != s.Popped+s.Evicted+uint64(s.Len) || s.Len > r.Cap() {
			t.Errorf("stats: %+v after %+v", s, before)
		}
		before = s
		if n := r.Len(); n < 0 || n > r.Cap() {
			t.Errorf("length %d of %d", n, r.Cap())
		}
		if r.Bytes() < 0 {
			t.Errorf("%d bytes", r.Bytes())
		}
		select {
		case <-done:
			return
		default:
			runtime.Gosched() // the two sides have precedence
		}
	}
}
