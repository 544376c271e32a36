package ring_test

import (
	"context"
	"testing"

	"github.com/daemoneye/eventbus/ring"
)

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
		{"Push with sizes", func() { counted.Push(element) }},
	} {
		for range 1000 {
			test.run() // until every chunk has been made
		}
		if n := testing.AllocsPerRun(1000, test.run); n != 0 {
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
	n := testing.AllocsPerRun(1000, func() {
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
