package ring_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/ring"
)

func intSize(n *int) int { return *n }

// TestABudgetOfAlmostInt64 pushes sizes that are as large as the budget: their sums
// do not fit into 64 bits.
func TestABudgetOfAlmostInt64(t *testing.T) {
	if math.MaxInt < math.MaxInt64 {
		t.Skip("an int, which SizeOf returns, does not hold such a size here")
	}
	half := math.MaxInt / 2
	r := ring.NewWithOptions(ring.Options[int]{Capacity: 8, MaxBytes: math.MaxInt64 - 1, SizeOf: intSize})
	for i, want := range []int{1, 2, 2} {
		r.PushBatch([]int{half}, nil)
		if n := r.Len(); n != want {
			t.Errorf("%d elements are queued after %d pushes of half the budget, want %d", n, i+1, want)
		}
	}
	if r.Offer(half) {
		t.Error("a third half fits into the budget")
	}
	r.PushBatch([]int{math.MaxInt - 1}, nil)
	if n, b := r.Len(), r.Bytes(); n != 1 || b != math.MaxInt64-1 {
		t.Errorf("%d elements of %d bytes are queued, want one that fills the budget", n, b)
	}
	if out := r.PushBatch([]int{math.MaxInt}, nil); len(out) != 1 || out[0] != math.MaxInt || r.Len() != 1 {
		t.Errorf("an element above the budget gave back %v and left %d", out, r.Len())
	}
}

// weights is what a ring that counts bytes is meant to be, with sums that do not wrap.
type weights struct {
	ring     *ring.Ring[int]
	capacity int
	maxBytes int64
	queue    []int
}

// weight is what one element counts for.
func (w *weights) weight(size int) int64 {
	if w.maxBytes == 0 {
		return min(int64(max(size, 0)), math.MaxInt64/int64(w.capacity))
	}
	return int64(max(size, 0))
}

func (w *weights) sum() *big.Int {
	sum := new(big.Int)
	for _, size := range w.queue {
		sum.Add(sum, big.NewInt(w.weight(size)))
	}
	return sum
}

func (w *weights) fits(size int) bool {
	if w.maxBytes == 0 {
		return len(w.queue) < w.capacity
	}
	sum := w.sum()
	sum.Add(sum, big.NewInt(w.weight(size)))
	return len(w.queue) < w.capacity && sum.Cmp(big.NewInt(w.maxBytes)) <= 0
}

func (w *weights) push(t *rapid.T, size int) {
	want := 0
	if w.maxBytes > 0 && w.weight(size) > w.maxBytes {
		want = 1
	} else {
		for !w.fits(size) {
			w.queue = w.queue[1:]
			want++
		}
		w.queue = append(w.queue, size)
	}
	if out := w.ring.PushBatch([]int{size}, nil); len(out) != want {
		t.Fatalf("pushing %d handed back %v, want %d elements", size, out, want)
	}
}

func (w *weights) offer(t *rapid.T, size int) {
	want := w.fits(size)
	if want {
		w.queue = append(w.queue, size)
	}
	if got := w.ring.Offer(size); got != want {
		t.Fatalf("offering %d gave %v", size, got)
	}
}

func (w *weights) pop(t *rapid.T) {
	v, ok := w.ring.Pop()
	if ok != (len(w.queue) > 0) || ok && v != w.queue[0] {
		t.Fatalf("popped %d, %v of %v", v, ok, w.queue)
	}
	if ok {
		w.queue = w.queue[1:]
	}
}

func (w *weights) check(t *rapid.T) {
	if got := big.NewInt(w.ring.Bytes()); got.Cmp(w.sum()) != 0 || w.ring.Len() != len(w.queue) {
		t.Fatalf("%d elements of %v bytes, want %d of %v", w.ring.Len(), got, len(w.queue), w.sum())
	}
}

// TestNoSumOfSizesWraps compares rings with sums of any length, for sizes and budgets
// from the ends of their types.
func TestNoSumOfSizesWraps(t *testing.T) {
	sizes := rapid.SampledFrom([]int{
		math.MinInt, -1, 0, 1, 2, math.MaxInt32, math.MaxInt / 3, math.MaxInt / 2, math.MaxInt - 1, math.MaxInt,
	})
	budgets := rapid.SampledFrom([]int64{
		0, 1, 2, math.MaxInt32, math.MaxInt64 / 3, math.MaxInt64 / 2, math.MaxInt64 - 1, math.MaxInt64,
	})
	rapid.Check(t, func(rt *rapid.T) {
		w := &weights{capacity: rapid.IntRange(1, 9).Draw(rt, "capacity"), maxBytes: budgets.Draw(rt, "maxBytes")}
		o := ring.Options[int]{Capacity: w.capacity, MaxBytes: w.maxBytes, SizeOf: intSize}
		w.ring = ring.NewChunked(o, rapid.UintRange(0, 2).Draw(rt, "shift"))
		rt.Repeat(map[string]func(*rapid.T){
			"PushBatch": func(t *rapid.T) { w.push(t, sizes.Draw(t, "size")) },
			"Offer":     func(t *rapid.T) { w.offer(t, sizes.Draw(t, "size")) },
			"Pop":       w.pop,
			"Evict": func(t *rapid.T) {
				if w.queue = w.queue[min(1, len(w.queue)):]; len(w.ring.Evict(1, nil)) > 1 {
					t.Fatal("evicted more than one")
				}
			},
			"": w.check,
		})
	})
}

// TestCountsAtTheEndOfInt covers the other sums: of positions and of what callers ask
// for.
func TestCountsAtTheEndOfInt(t *testing.T) {
	r := ring.New[int](3)
	r.PushBatch([]int{1, 2, 3, 4}, nil)
	if out := r.Evict(math.MaxInt, nil); len(out) != 3 {
		t.Errorf("evicted %v", out)
	}
	r.PushBatch([]int{5, 6}, nil)
	if out := r.Evict(math.MinInt, nil); len(out) != 0 {
		t.Errorf("evicted %v", out)
	}
	if b := r.Claim(math.MinInt); len(b.Items) != 0 {
		t.Errorf("claimed %v", b.Items)
	}
	if b := r.Claim(math.MaxInt); len(b.Items) != 2 || b.Lost != 4 {
		t.Errorf("claimed %v with %d lost", b.Items, b.Lost)
	}
}
