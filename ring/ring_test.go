package ring_test

import (
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/ring"
)

// A step is one call on a ring of capacity 3 that has seen the steps before it.
type step struct {
	does func(r *ring.Ring[int]) any
	want any
}

func push(v int) func(*ring.Ring[int]) any {
	return func(r *ring.Ring[int]) any {
		if old, full := r.Push(v); full {
			return old
		}
		return nil
	}
}

func pushBatch(vs ...int) func(*ring.Ring[int]) any {
	return func(r *ring.Ring[int]) any { return r.PushBatch(vs, nil) }
}

func evict(n int) func(*ring.Ring[int]) any {
	return func(r *ring.Ring[int]) any { return r.Evict(n, nil) }
}

func offer(v int) func(*ring.Ring[int]) any {
	return func(r *ring.Ring[int]) any { return r.Offer(v) }
}

func offerBatch(vs ...int) func(*ring.Ring[int]) any {
	return func(r *ring.Ring[int]) any { return r.OfferBatch(vs) }
}

func pop(r *ring.Ring[int]) any {
	if v, ok := r.Pop(); ok {
		return v
	}
	return nil
}

func popBatch(n int) func(*ring.Ring[int]) any {
	return func(r *ring.Ring[int]) any {
		dst := make([]int, n)
		n, lost := r.PopBatch(dst)
		return ring.Batch[int]{Items: dst[:n], Lost: lost}
	}
}

func claim(n int) func(*ring.Ring[int]) any {
	return func(r *ring.Ring[int]) any { return r.Claim(n) }
}

func closed(r *ring.Ring[int]) any { r.Close(); return r.Closed() }

func stats(r *ring.Ring[int]) any { return r.Stats() }

func batch(seq, lost uint64, items ...int) ring.Batch[int] {
	return ring.Batch[int]{Items: items, Seq: seq, Lost: lost}
}

var none = []int(nil)

func TestRing(t *testing.T) {
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"a new ring is empty", []step{
			{pop, nil}, {claim(5), batch(0, 0)}, {popBatch(2), ring.Batch[int]{Items: []int{}}},
			{evict(1), none}, {stats, ring.Stats{}},
		}},
		{"elements come out in the order in which they went in", []step{
			{push(1), nil}, {push(2), nil}, {pop, 1}, {push(3), nil}, {pop, 2}, {pop, 3}, {pop, nil},
		}},
		{"a full ring evicts its oldest element and hands it back", []step{
			{push(1), nil}, {push(2), nil}, {push(3), nil}, {push(4), 1}, {push(5), 2},
			{stats, ring.Stats{Pushed: 5, Evicted: 2, Len: 3}}, {pop, 3}, {pop, 4}, {pop, 5}, {pop, nil},
		}},
		{"a claim says where it begins and how many were lost before it", []step{
			{pushBatch(1, 2), none}, {claim(1), batch(0, 0, 1)}, {pushBatch(3, 4, 5), []int{2}},
			{claim(9), batch(2, 1, 3, 4, 5)}, {claim(9), batch(0, 0)},
		}},
		{"a claim makes room at once, also while it is held", []step{
			{pushBatch(1, 2, 3), none}, {claim(2), batch(0, 0, 1, 2)},
			{pushBatch(4, 5), none}, {push(6), 3}, {claim(9), batch(3, 1, 4, 5, 6)},
		}},
		{"a claim ends where its chunk ends", []step{
			{pushBatch(1, 2, 3, 4, 5, 6, 7, 8, 9), []int{1, 2, 3, 4, 5, 6}}, {claim(9), batch(6, 6, 7, 8)},
			{claim(9), batch(8, 0, 9)},
		}},
		{"a claim of nothing lets go of the last one", []step{
			{push(1), nil}, {claim(9), batch(0, 0, 1)}, {claim(0), batch(0, 0)}, {claim(-1), batch(0, 0)},
		}},
		{"a batch longer than the ring evicts its own first elements", []step{
			{push(1), nil}, {pushBatch(2, 3, 4, 5, 6, 7, 8), []int{1, 2, 3, 4, 5}},
			{claim(9), batch(5, 5, 6, 7, 8)},
		}},
		{"an offer is refused when there is no room, and evicts nothing", []step{
			{offer(1), true}, {offerBatch(2, 3, 4), 2}, {offer(5), false}, {offerBatch(6), 0},
			{pop, 1}, {offer(7), true}, {claim(9), batch(1, 0, 2, 3)}, {claim(9), batch(3, 0, 7)},
		}},
		{"Evict takes out the oldest", []step{
			{pushBatch(1, 2, 3), none}, {evict(0), none}, {evict(-1), none}, {evict(2), []int{1, 2}},
			{claim(9), batch(2, 2, 3)}, {push(4), nil}, {evict(9), []int{4}}, {evict(9), none},
		}},
		{"elements popped one by one do not count as lost", []step{
			{pushBatch(1, 2, 3), none}, {pop, 1}, {push(4), nil}, {push(5), 2}, {pop, 3},
			{claim(9), batch(3, 0, 4, 5)}, {stats, ring.Stats{Pushed: 5, Popped: 4, Evicted: 1}},
		}},
		{"a copied batch tells what was lost before it", []step{
			{pushBatch(1, 2, 3), none}, {push(4), 1}, {popBatch(2), ring.Batch[int]{Items: []int{2, 3}, Lost: 1}},
			{popBatch(2), ring.Batch[int]{Items: []int{4}}}, {popBatch(0), ring.Batch[int]{Items: []int{}}},
		}},
		{"a closed ring hands back what is pushed and keeps what is queued", []step{
			{pushBatch(1, 2), none}, {closed, true}, {closed, true}, {push(3), 3}, {pushBatch(4, 5), []int{4, 5}},
			{offer(6), false}, {offerBatch(7, 8), 0}, {claim(1), batch(0, 0, 1)}, {evict(1), []int{2}},
			{stats, ring.Stats{Pushed: 2, Popped: 1, Evicted: 1, Refused: 3}},
		}},
		{"what was evicted last shows in an empty claim once the ring is closed", []step{
			{pushBatch(1, 2), none}, {pop, 1}, {evict(1), []int{2}}, {claim(9), batch(0, 0)}, {closed, true},
			{claim(9), batch(2, 1)}, {claim(9), batch(2, 0)}, {pop, nil},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := ring.New[int](3)
			for i, s := range test.steps {
				if diff := cmp.Diff(s.want, s.does(r)); diff != "" {
					t.Errorf("step %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

func TestNewPanicsWhenTheOptionsMakeNoSense(t *testing.T) {
	size := func(*int) int { return 1 }
	absurd := fmt.Sprintf("ring: capacity %d is above %d", math.MaxInt, largestCapacity(strconv.IntSize/8))
	for _, test := range []struct {
		name    string
		options ring.Options[int]
		want    string
	}{
		{"no capacity", ring.Options[int]{}, "ring: capacity 0 is below 1"},
		{"negative capacity", ring.Options[int]{Capacity: -5}, "ring: capacity -5 is below 1"},
		{"negative budget", ring.Options[int]{Capacity: 1, MaxBytes: -2, SizeOf: size}, "ring: byte budget -2 is negative"},
		{"budget without sizes", ring.Options[int]{Capacity: 1, MaxBytes: 2}, "ring: byte budget without SizeOf"},
		{"absurd capacity", ring.Options[int]{Capacity: math.MaxInt}, absurd},
		{"zero signal", ring.Options[int]{Capacity: 1, Signal: new(ring.Signal)}, "ring: Signal that can wake nobody: NewSignal and NewSignalFunc make them"},
	} {
		t.Run(test.name, func(t *testing.T) {
			defer func() {
				if got := recover(); got != test.want {
					t.Errorf("got panic %v, want %q", got, test.want)
				}
			}()
			ring.NewWithOptions(test.options)
		})
	}
}

// largestCapacity is the bound for elements of size bytes: 1<<32, or what can be
// addressed.
func largestCapacity(size int) uint64 { return min(1<<32, uint64(math.MaxInt/size)) }

func TestNewPanicsWhenAFullRingCouldNotBeAddressed(t *testing.T) {
	type wide [1 << 20]byte
	largest := largestCapacity(1 << 20)
	if largest == 1<<32 {
		t.Skip("elements of a megabyte do not fill the addresses of this machine")
	}
	defer func() {
		want := fmt.Sprintf("ring: capacity %d is above %d", largest+1, largest)
		if got := recover(); got != want {
			t.Errorf("got panic %v, want %q", got, want)
		}
	}()
	ring.New[wide](int(largest) + 1)
}

func TestCapacityIsExact(t *testing.T) {
	for capacity := 1; capacity <= 300; capacity++ {
		r := ring.New[int](capacity)
		for i := range 3 * capacity {
			if old, full := r.Push(i); full != (i >= capacity) || full && old != i-capacity {
				t.Fatalf("capacity %d: push %d gave %d, %v", capacity, i, old, full)
			}
		}
		if r.Cap() != capacity || r.Len() != capacity {
			t.Errorf("capacity %d: Cap %d, Len %d", capacity, r.Cap(), r.Len())
		}
		if made, bound := r.Chunks(), r.MaxChunks(); made > bound {
			t.Errorf("capacity %d: %d chunks, bound %d", capacity, made, bound)
		}
	}
}

func TestARingThatIsKeptNearlyEmptyStaysSmall(t *testing.T) {
	r := ring.New[int](100_000)
	if n := r.Chunks(); n != 0 {
		t.Errorf("%d chunks before the first push", n)
	}
	for i := range 10_000 {
		r.Push(i)
		r.Claim(1)
	}
	if n := r.Chunks(); n > 3 {
		t.Errorf("%d chunks for one element at a time", n)
	}
}

func TestAHeldClaimCostsOneChunkAndNotTheProducer(t *testing.T) {
	r := ring.New[int](64)
	r.PushBatch([]int{1, 2, 3}, nil)
	held := r.Claim(3)
	for i := range 10_000 {
		r.Push(i)
	}
	if diff := cmp.Diff([]int{1, 2, 3}, held.Items); diff != "" {
		t.Errorf("the claim changed (-want +got):\n%s", diff)
	}
	if made, bound := r.Chunks(), r.MaxChunks(); made > bound {
		t.Errorf("%d chunks, bound %d", made, bound)
	}
}

func TestSlotsThatAreDoneWithHoldNoReferences(t *testing.T) {
	r := ring.New[*int](10)
	for i := range 25 {
		r.Push(&i)
	}
	r.Pop()
	r.PopBatch(make([]*int, 2))
	r.Claim(2)
	r.Evict(1, nil)
	r.Release()
	if got := r.SlotsHeld(func(p *int) bool { return p == nil }); got != r.Len() {
		t.Errorf("%d slots hold a pointer, %d are queued", got, r.Len())
	}
}

// TestCacheLines holds the layout of Ring, which speed depends on: what different
// goroutines write is apart, and the consumer's two stores of a claim are together.
func TestCacheLines(t *testing.T) {
	const line = ring.LineBytes
	tail, head, popped, taken, next := ring.New[[3]string](9).Lines()
	if head/line != popped/line {
		t.Errorf("head and popped are at %d and %d of their lines", head%line, popped%line)
	}
	groups := []uintptr{tail / line, head / line, taken / line, next / line}
	for i := 1; i < len(groups); i++ {
		if groups[i] <= groups[i-1] {
			t.Errorf("groups %d and %d share a cache line", i-1, i)
		}
	}
}

func TestHasPointers(t *testing.T) {
	type flat struct {
		_ [4]int32
		_ struct{ _ complex128 }
		_ uintptr
	}
	for name, test := range map[string]struct{ got, want bool }{
		"uint64":         {ring.HasPointers[uint64](), false},
		"flat struct":    {ring.HasPointers[flat](), false},
		"empty struct":   {ring.HasPointers[struct{}](), false},
		"no pointers":    {ring.HasPointers[[0]*int](), false},
		"string":         {ring.HasPointers[string](), true},
		"slice":          {ring.HasPointers[[]byte](), true},
		"nested pointer": {ring.HasPointers[[2]struct{ p *int }](), true},
		"interface":      {ring.HasPointers[any](), true},
		"function":       {ring.HasPointers[func()](), true},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %v", name, test.got)
		}
	}
}
