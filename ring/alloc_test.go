package ring_test

import (
	"context"
	"math"
	"testing"

	"github.com/daemoneye/eventbus/ring"
)

// allocations returns how many allocations 10 000 calls of run make. AllocsPerRun divides
// by its runs and drops the rest, so all of them are one run. The count is that of the whole
// process: what shows up once in a few tries is somebody else's.
func allocations(run func()) float64 {
	least := math.Inf(1)
	for range 3 {
		least = min(least, testing.AllocsPerRun(1, func() {
			for range 10_000 {
				run()
			}
		}))
	}
	return least
}

// TestNothingIsAllocated holds the claim of the package documentation, for each
// operation on a ring that has been in use for a while.
func TestNothingIsAllocated(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	plain := ring.New[[]byte](200)
	sized := ring.NewWithOptions(ring.Options[[]byte]{
		Capacity: 200, MaxBytes: 1000, SizeOf: func(b *[]byte) int { return len(*b) },
	})
	counted := ring.NewWithOptions(ring.Options[[]byte]{Capacity: 200, SizeOf: func(b *[]byte) int { return len(*b) }})
	element := make([]byte, 10)
	vs := make([][]byte, 64)
	for i := range vs {
		vs[i] = element
	}
	evicted := make([][]byte, 0, 400)
	for _, test := range []struct {
		name string
		run  func()
	}{
		{"Push and Pop", func() { plain.Push(element); plain.Pop() }},
		{"Push that evicts", func() { plain.Push(element); plain.Push(element) }},
		{"PushBatch that evicts", func() { evicted = plain.PushBatch(vs, evicted[:0]) }},
		{"PushBatch longer than the ring", func() {
			for range 4 {
				evicted = plain.PushBatch(vs, evicted[:0])
			}
		}},
		{"PushBatch and Claim", func() {
			evicted = plain.PushBatch(vs, evicted[:0])
			for len(plain.Claim(64).Items) > 0 {
			}
		}},
		{"Offer and Evict", func() { plain.Offer(element); evicted = plain.Evict(1, evicted[:0]) }},
		{"OfferBatch and PopBatch", func() { plain.OfferBatch(vs); plain.PopBatch(vs[:32]) }},
		{"Wait and Release", func() {
			plain.Push(element)
			if plain.Wait(ctx) != nil {
				t.Error("nothing there")
			}
			plain.Release()
		}},
		{"Stats, Len and Bytes", func() { plain.Stats(); plain.Len(); plain.Bytes() }},
		{"PushBatch within a byte budget", func() { evicted = sized.PushBatch(vs, evicted[:0]) }},
		{"Offer within a byte budget", func() { sized.Offer(element); sized.Pop() }},
		{"OfferBatch within a byte budget", func() { sized.OfferBatch(vs); sized.Pop() }},
		{"Push with sizes", func() { counted.Push(element) }},
		{"Offer with sizes", func() { counted.Offer(element); counted.Pop() }},
	} {
		// AllocsPerRun warms up with one run: then every chunk has been made.
		if n := allocations(test.run); n != 0 {
			t.Errorf("%s: %v allocations", test.name, n)
		}
	}
}

// TestParkingAllocatesNothing covers the way through the channel of a Signal.
func TestParkingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	there, back := ring.New[int](1), ring.New[int](1)
	go func() {
		for there.Wait(t.Context()) == nil {
			v, _ := there.Pop()
			back.Push(v)
		}
	}()
	defer there.Close()
	n := allocations(func() {
		untilAsleep(there.Signal())
		there.Push(1)
		if back.Wait(t.Context()) != nil {
			t.Error("the echo has ended")
		}
		back.Pop()
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
