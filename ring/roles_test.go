package ring_test

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/daemoneye/eventbus/ring"
)

func methods[T any]() (names []string) {
	t := reflect.TypeFor[T]()
	for i := range t.NumMethod() {
		names = append(names, t.Method(i).Name)
	}
	return names
}

// TestARoleHasItsOwnMethodsOnly holds that the compiler refuses a call that belongs to
// the other side: what both roles have is what any goroutine may call.
func TestARoleHasItsOwnMethodsOnly(t *testing.T) {
	producer, consumer := methods[*ring.Producer[int]](), methods[*ring.Consumer[int]]()
	var both []string
	for _, name := range producer {
		if slices.Contains(consumer, name) {
			both = append(both, name)
		}
	}
	if want := []string{"Bytes", "Cap", "Closed", "Len", "Stats"}; !slices.Equal(both, want) {
		t.Errorf("both roles have %v, want %v", both, want)
	}
	// The tests add methods to Ring, so this checks for missing ones only.
	all := methods[*ring.Ring[int]]()
	for _, name := range slices.Concat(producer, consumer) {
		if !slices.Contains(all, name) {
			t.Errorf("a Ring has no %s", name)
		}
	}
}

func TestRolesShareTheRing(t *testing.T) {
	r := ring.New[int](2)
	p, c := r.Producer(), r.Consumer()
	p.PushBatch([]int{1, 2}, nil)
	if old, full := p.Push(3); !full || old != 1 {
		t.Errorf("pushed 3 and got %d, %v", old, full)
	}
	if v, ok := c.Pop(); !ok || v != 2 || r.Len() != 1 || p.Len() != 1 || c.Len() != 1 {
		t.Errorf("popped %d, %v; lengths are %d, %d and %d", v, ok, r.Len(), p.Len(), c.Len())
	}
	p.Close()
	if !r.Closed() || !c.Closed() {
		t.Error("the other two do not know that the ring is closed")
	}
}

// TestAZeroRingPanics covers everything that a zero Ring, Producer or Consumer cannot
// do.
func TestAZeroRingPanics(t *testing.T) {
	const want = "ring: used without New: ring.New and ring.NewWithOptions make rings"
	ctx := context.Background()
	for name, does := range map[string]func(){
		"Push":            func() { new(ring.Ring[int]).Push(1) },
		"PushBatch":       func() { new(ring.Ring[int]).PushBatch([]int{1}, nil) },
		"PushBatch of 0":  func() { new(ring.Ring[int]).PushBatch(nil, nil) },
		"Offer":           func() { new(ring.Ring[int]).Offer(1) },
		"OfferBatch":      func() { new(ring.Ring[int]).OfferBatch([]int{1}) },
		"Evict":           func() { new(ring.Ring[int]).Evict(1, nil) },
		"Close":           func() { new(ring.Ring[int]).Close() },
		"Pop":             func() { new(ring.Ring[int]).Pop() },
		"PopBatch":        func() { new(ring.Ring[int]).PopBatch(make([]int, 1)) },
		"Claim":           func() { new(ring.Ring[int]).Claim(1) },
		"Wait":            func() { _ = new(ring.Ring[int]).Wait(ctx) },
		"Batches":         func() { new(ring.Ring[int]).Batches(ctx)(func(ring.Batch[int]) bool { return true }) },
		"Producer":        func() { new(ring.Ring[int]).Producer() },
		"Consumer":        func() { new(ring.Ring[int]).Consumer() },
		"a zero Producer": func() { new(ring.Producer[int]).Push(1) },
		"a zero Consumer": func() { new(ring.Consumer[int]).Pop() },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("got panic %v, want %q", got, want)
				}
			}()
			does()
		})
	}
	var r ring.Ring[int]
	if r.Len() != 0 || r.Cap() != 0 || r.Bytes() != 0 || r.Closed() || r.Stats() != (ring.Stats{}) {
		t.Error("a zero Ring is not empty")
	}
}
