package ring_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/ring"
)

func length(s *string) int { return len(*s) }

func TestByteBudget(t *testing.T) {
	for _, test := range []struct {
		name    string
		push    []string
		evicted []string
		left    []string
		bytes   int64
	}{
		{"what fits stays", []string{"aaaa", "bbbb"}, nil, []string{"aaaa", "bbbb"}, 8},
		{"one large element evicts several small ones",
			[]string{"a", "bb", "ccc", "dddd", "eeeeeeee"}, []string{"a", "bb", "ccc", "dddd"}, []string{"eeeeeeee"}, 8},
		{"only as many go as have to",
			[]string{"aaaa", "bbb", "ccc", "dddd"}, []string{"aaaa"}, []string{"bbb", "ccc", "dddd"}, 10},
		{"the capacity holds as well",
			[]string{"a", "b", "c", "d", "e"}, []string{"a"}, []string{"b", "c", "d", "e"}, 4},
		{"an element of exactly the budget is alone",
			[]string{"aaa", "bbbbbbbbbb"}, []string{"aaa"}, []string{"bbbbbbbbbb"}, 10},
		{"an element above the budget comes back and moves nothing",
			[]string{"aaa", "bbbbbbbbbbb", "cc"}, []string{"bbbbbbbbbbb"}, []string{"aaa", "cc"}, 5},
		{"empty elements count as elements only",
			[]string{"", "", "", "", ""}, []string{""}, []string{"", "", "", ""}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := ring.NewWithOptions(ring.Options[string]{Capacity: 4, MaxBytes: 10, SizeOf: length})
			evicted := r.PushBatch(test.push, nil)
			if diff := cmp.Diff(test.evicted, evicted); diff != "" {
				t.Errorf("evicted (-want +got):\n%s", diff)
			}
			if got := r.Bytes(); got != test.bytes {
				t.Errorf("%d bytes, want %d", got, test.bytes)
			}
			if diff := cmp.Diff(test.left, r.Claim(9).Items); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
			if got := r.Bytes(); got != 0 {
				t.Errorf("%d bytes when all are claimed", got)
			}
		})
	}
}

func TestAnOfferRespectsTheByteBudget(t *testing.T) {
	r := ring.NewWithOptions(ring.Options[string]{Capacity: 4, MaxBytes: 10, SizeOf: length})
	if n := r.OfferBatch([]string{"aaaa", "bbbb", "cccc", "d"}); n != 2 {
		t.Errorf("took %d, want 2: the third is over the budget", n)
	}
	if !r.Offer("dd") || r.Offer("e") {
		t.Error("two bytes were left, not one and not three")
	}
}

func TestSizesWithoutABudgetAreOnlyCounted(t *testing.T) {
	r := ring.NewWithOptions(ring.Options[string]{Capacity: 2, SizeOf: length})
	r.Push("aaaa")
	r.Push("bb")
	if old, full := r.Push("c"); !full || old != "aaaa" || r.Bytes() != 3 {
		t.Errorf("got %q, %v and %d bytes", old, full, r.Bytes())
	}
	if v, ok := r.Pop(); !ok || v != "bb" || r.Bytes() != 1 {
		t.Errorf("got %q, %v and %d bytes", v, ok, r.Bytes())
	}
}

func TestPushPanicsWithAByteBudget(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Push cannot hand back several elements, and did not panic")
		}
	}()
	ring.NewWithOptions(ring.Options[string]{Capacity: 2, MaxBytes: 9, SizeOf: length}).Push("a")
}

// TestByteBudgetUnderLoad checks conservation, the budget at every push, and that the
// bytes add up afterwards. Some elements are larger than the budget, so that positions
// are not ids.
func TestByteBudgetUnderLoad(t *testing.T) {
	const elements, maxBytes = 10_000, 500
	size := func(c *cell) int { return int(c.id * 7 % 600) } // every sixth is too large
	for _, capacity := range []int{1, 5, 100} {
		r := ring.NewChunked(ring.Options[cell]{Capacity: capacity, MaxBytes: maxBytes, SizeOf: size}, 2)
		l := newLedger(t, elements)
		var sides sync.WaitGroup
		sides.Go(func() {
			bytes := []int64{0} // bytes[n] is what the first n elements have that were queued
			for range elements {
				c := l.next()
				refused := false
				for _, out := range r.PushBatch([]cell{c}, nil) {
					if out == c {
						l.refuse(out)
						refused = true
					} else {
						l.evict(out)
					}
				}
				if !refused {
					bytes = append(bytes, bytes[len(bytes)-1]+int64(size(&c)))
				}
				if tail, head := r.Cursors(); bytes[tail]-bytes[head] > maxBytes {
					t.Errorf("capacity %d: %d bytes are queued", capacity, bytes[tail]-bytes[head])
				}
			}
			r.Close()
		})
		sides.Go(func() {
			for r.Wait(t.Context()) == nil {
				for _, c := range r.Claim(5).Items {
					l.pop(c)
				}
			}
		})
		sides.Wait()
		l.settle(r)
		if r.Bytes() != 0 {
			t.Errorf("capacity %d: an empty ring of %d bytes", capacity, r.Bytes())
		}
	}
}
