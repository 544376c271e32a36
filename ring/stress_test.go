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
			if old, full := r.Push(l.next()); full {
				l.evict(old)
			}
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
				if old, full := r.Push(l.next()); full {
					l.evict(old)
				}
			}
		}
	},
}

var consumers = map[string]popping{
	"Pop": func(t *testing.T, l *ledger, r *ring.Ring[cell]) {
		for r.Wait(t.Context()) == nil {
			if c, ok := r.Pop(); ok {
				l.pop(c)
			}
		}
	},
	"PopBatch": func(t *testing.T, l *ledger, r *ring.Ring[cell]) {
		dst := make([]cell, 1+r.Cap()/2)
		for r.Wait(t.Context()) == nil {
			n, lost := r.PopBatch(dst)
			l.batch(ring.Batch[cell]{Items: dst[:n], Seq: l.expected + lost, Lost: lost})
		}
	},
	"Claim": func(t *testing.T, l *ledger, r *ring.Ring[cell]) {
		for r.Wait(t.Context()) == nil {
			l.batch(dwell(t, r.Claim(1+rand.IntN(r.Cap()))))
		}
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
	},
}

func nextBatch(l *ledger, n int) []cell {
	vs := make([]cell, n)
	for i := range vs {
		vs[i] = l.next()
	}
	return vs
}

// dwell looks at a claim twice, the second time after the producer had a chance to
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

// TestEveryOperationPair runs each kind of producer against each kind of consumer,
// with a third goroutine that only looks.
func TestEveryOperationPair(t *testing.T) {
	elements := 20000
	if raceEnabled || testing.Short() {
		elements = 3000
	}
	for pushName, push := range producers {
		for popName, pop := range consumers {
			for _, capacity := range []int{1, 2, 3, 7, 16, 100} {
				for _, shift := range []uint{0, 1, 3} {
					name := fmt.Sprintf("%s/%s/capacity=%d/chunk=%d", pushName, popName, capacity, 1<<shift)
					t.Run(name, func(t *testing.T) {
						r := ring.NewChunked(ring.Options[cell]{Capacity: capacity}, shift)
						stress(t, r, elements, push, pop)
					})
				}
			}
		}
	}
}

func stress(t *testing.T, r *ring.Ring[cell], elements int, push pushing, pop popping) {
	l := newLedger(t, elements+2*r.Cap())
	var sides, looker sync.WaitGroup
	done := make(chan struct{})
	looker.Go(func() { look(t, r, done) })
	sides.Go(func() {
		push(l, r, elements)
		r.Close()
	})
	sides.Go(func() { pop(t, l, r) })
	sides.Wait()
	close(done)
	looker.Wait()
	// What was evicted at the very end shows in a last, empty claim.
	l.batch(r.Claim(1))
	l.settle(r)
	if l.lostCount != l.evictedCount {
		t.Errorf("the consumer lost %d, the producer evicted %d", l.lostCount, l.evictedCount)
	}
}

// look reads what any goroutine may read, and checks that it makes sense.
func look(t *testing.T, r *ring.Ring[cell], done chan struct{}) {
	for {
		s := r.Stats()
		if s.Pushed != s.Popped+s.Evicted+uint64(s.Len) || s.Len > r.Cap() {
			t.Errorf("stats do not add up: %+v", s)
		}
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
			runtime.Gosched() // the two that are looked at have precedence
		}
	}
}
