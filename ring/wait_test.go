package ring_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/daemoneye/eventbus/ring"
)

// untilAsleep returns when the consumer has announced that it sleeps.
func untilAsleep(s *ring.Signal) {
	for !s.Asleep() {
		runtime.Gosched()
	}
}

func TestWaitReturnsWhenSomethingHappens(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name   string
		before func(r *ring.Ring[int])           // before Wait
		during func(r *ring.Ring[int], c func()) // while the consumer sleeps
		ctx    context.Context
		want   error
	}{
		{name: "something is queued", before: func(r *ring.Ring[int]) { r.Push(1) }},
		{name: "something is queued and the context has ended", before: func(r *ring.Ring[int]) { r.Push(1) }, ctx: canceled},
		{name: "something is queued and the ring is closed", before: func(r *ring.Ring[int]) { r.Push(1); r.Close() }},
		{name: "the ring is closed and drained", before: func(r *ring.Ring[int]) { r.Push(1); r.Pop(); r.Close() }, want: ring.ErrClosed},
		{name: "the context has ended", ctx: canceled, want: context.Canceled},
		{name: "a push", during: func(r *ring.Ring[int], _ func()) { r.Push(1) }},
		{name: "a batch", during: func(r *ring.Ring[int], _ func()) { r.PushBatch([]int{1, 2}, nil) }},
		{name: "an offer", during: func(r *ring.Ring[int], _ func()) { r.Offer(1) }},
		{name: "a batch of offers", during: func(r *ring.Ring[int], _ func()) { r.OfferBatch([]int{1}) }},
		{name: "Close", during: func(r *ring.Ring[int], _ func()) { r.Close() }, want: ring.ErrClosed},
		{name: "the end of the context", during: func(_ *ring.Ring[int], c func()) { c() }, want: context.Canceled},
		{name: "a push after a stray wake-up", during: func(r *ring.Ring[int], _ func()) {
			r.Signal().Notify()
			untilAsleep(r.Signal())
			r.Push(1)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := ring.New[int](4)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.ctx != nil {
				ctx = test.ctx
			}
			if test.before != nil {
				test.before(r)
			}
			got := make(chan error, 1)
			go func() { got <- r.Wait(ctx) }()
			if test.during != nil {
				untilAsleep(r.Signal())
				test.during(r, cancel)
			}
			if err := <-got; !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if r.Signal().Asleep() {
				t.Error("the consumer is awake and its flag shows it asleep")
			}
		})
	}
}

// TestNoWakeUpIsLost passes one element to and fro between two goroutines that park
// for each of them. A wake-up that gets lost leaves both asleep for good.
func TestNoWakeUpIsLost(t *testing.T) {
	rounds := 20_000
	if raceEnabled {
		rounds = 4000
	}
	there, back := ring.New[int](2), ring.New[int](2)
	var echo sync.WaitGroup
	echo.Go(func() {
		for b := range there.Batches(t.Context()) {
			back.PushBatch(b.Items, nil)
		}
		back.Close()
	})
	for i := range rounds {
		there.Push(i)
		if err := back.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if v, ok := back.Pop(); !ok || v != i {
			t.Fatalf("round %d: got %d, %v", i, v, ok)
		}
	}
	there.Close()
	echo.Wait()
	if err := back.Wait(t.Context()); !errors.Is(err, ring.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// TestOneGoroutineWaitsForSeveralRings has three producers and one sleeper.
func TestOneGoroutineWaitsForSeveralRings(t *testing.T) {
	const elements = 5000
	signal := ring.NewSignal()
	var rings []*ring.Ring[int]
	var sides sync.WaitGroup
	for range 3 {
		r := ring.NewWithOptions(ring.Options[int]{Capacity: elements, Signal: signal})
		rings = append(rings, r)
		sides.Go(func() {
			for i := range elements {
				r.Push(i)
				if i%7 == 0 {
					runtime.Gosched() // let the consumer catch up and sleep
				}
			}
			r.Close()
		})
	}
	got, open := 0, slices.Clone(rings)
	ready := func() bool {
		return slices.ContainsFunc(open, func(r *ring.Ring[int]) bool { return r.Len() > 0 || r.Closed() })
	}
	for len(open) > 0 {
		if err := signal.Wait(t.Context(), ready); err != nil {
			t.Fatal(err)
		}
		open = slices.DeleteFunc(open, func(r *ring.Ring[int]) bool {
			done := r.Closed() // before the last claim, or an element could come in between
			for b := r.Claim(64); len(b.Items) > 0; b = r.Claim(64) {
				got += len(b.Items)
			}
			return done
		})
	}
	sides.Wait()
	if got != len(rings)*elements {
		t.Errorf("got %d elements", got)
	}
}

func TestSignalFuncIsCalledOncePerArm(t *testing.T) {
	wakes := 0
	signal := ring.NewSignalFunc(func() { wakes++ })
	r := ring.NewWithOptions(ring.Options[int]{Capacity: 4, Signal: signal})
	for i, test := range []struct {
		does func()
		want int
	}{
		{func() { r.Push(1) }, 0},
		{signal.Arm, 0},
		{func() { r.Push(2) }, 1},
		{func() { r.Push(3) }, 1},
		{signal.Arm, 1},
		{signal.Disarm, 1},
		{func() { r.Offer(4) }, 1},
		{signal.Arm, 1},
		{func() { r.PushBatch([]int{5, 6}, nil) }, 2},
		{signal.Arm, 2},
		{func() { r.Evict(1, nil) }, 2},
		{r.Close, 3},
	} {
		if test.does(); wakes != test.want {
			t.Errorf("step %d: %d wakes, want %d", i, wakes, test.want)
		}
	}
}

func TestABatchWakesTheConsumerOnce(t *testing.T) {
	size := func(*int) int { return 10 }
	for name, test := range map[string]struct {
		options ring.Options[int]
		does    func(r *ring.Ring[int])
		want    int
	}{
		"pushed":                    {ring.Options[int]{}, func(r *ring.Ring[int]) { r.PushBatch([]int{1, 2, 3}, nil) }, 1},
		"pushed and evicting":       {ring.Options[int]{}, func(r *ring.Ring[int]) { r.PushBatch([]int{1, 2, 3, 4}, nil) }, 1},
		"pushed, of two ringfuls":   {ring.Options[int]{}, func(r *ring.Ring[int]) { r.PushBatch([]int{1, 2, 3, 4, 5, 6, 7, 8}, nil) }, 2},
		"offered":                   {ring.Options[int]{}, func(r *ring.Ring[int]) { r.OfferBatch([]int{1, 2, 3, 4, 5}) }, 1},
		"pushed with sizes":         {ring.Options[int]{SizeOf: size}, func(r *ring.Ring[int]) { r.PushBatch([]int{1, 2, 3}, nil) }, 1},
		"pushed within a budget":    {ring.Options[int]{SizeOf: size, MaxBytes: 30}, func(r *ring.Ring[int]) { r.PushBatch([]int{1, 2, 3}, nil) }, 1},
		"pushed, of three budgets":  {ring.Options[int]{SizeOf: size, MaxBytes: 20}, func(r *ring.Ring[int]) { r.PushBatch([]int{1, 2, 3, 4, 5, 6}, nil) }, 3},
		"offered with sizes":        {ring.Options[int]{SizeOf: size}, func(r *ring.Ring[int]) { r.OfferBatch([]int{1, 2, 3, 4, 5}) }, 1},
		"offered beyond the budget": {ring.Options[int]{SizeOf: size, MaxBytes: 20}, func(r *ring.Ring[int]) { r.OfferBatch([]int{1, 2, 3}) }, 1},
		"refused":                   {ring.Options[int]{SizeOf: size, MaxBytes: 9}, func(r *ring.Ring[int]) { r.PushBatch([]int{1, 2}, nil) }, 0},
	} {
		wakes := 0
		var signal *ring.Signal
		signal = ring.NewSignalFunc(func() { wakes++; signal.Arm() }) // sleeps again at once
		signal.Arm()
		test.options.Capacity, test.options.Signal = 4, signal
		test.does(ring.NewWithOptions(test.options))
		if wakes != test.want {
			t.Errorf("%s: %d wakes, want %d", name, wakes, test.want)
		}
	}
}

func TestABatchIsPublishedEvenIfSizeOfPanics(t *testing.T) {
	r := ring.NewWithOptions(ring.Options[int]{Capacity: 4, SizeOf: func(v *int) int { return 1 / *v }})
	func() {
		defer func() { _ = recover() }()
		r.PushBatch([]int{1, 1, 0, 1}, nil)
	}()
	if b := r.Claim(4); len(b.Items) != 2 || r.Len() != 0 {
		t.Errorf("got %+v and %d more, want the two that came first", b, r.Len())
	}
}

func TestWaitPanicsWhereNothingCouldEndIt(t *testing.T) {
	const want = "ring: Wait on a Signal that calls a function instead: nothing would end it"
	signal := ring.NewSignalFunc(func() {})
	r := ring.NewWithOptions(ring.Options[int]{Capacity: 4, Signal: signal})
	for name, wait := range map[string]func(){
		"Signal.Wait": func() { _ = signal.Wait(t.Context(), func() bool { return false }) },
		"zero Signal": func() { _ = new(ring.Signal).Wait(t.Context(), func() bool { return false }) },
		"Ring.Wait":   func() { _ = r.Wait(t.Context()) },
		"Batches": func() {
			for range r.Batches(t.Context()) {
				t.Error("a batch of nothing")
			}
		},
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("%s: got panic %v, want %q", name, got, want)
				}
			}()
			wait()
		}()
	}
}

func TestBatchesEnds(t *testing.T) {
	t.Run("with the context, also while batches keep coming", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := ring.New[int](8)
		r.Push(0)
		turns := 0
		for range r.Batches(ctx) {
			r.Push(0)
			if turns++; turns == 100 {
				cancel()
			}
		}
		if turns != 100 {
			t.Errorf("%d turns", turns)
		}
	})
	t.Run("with a break, and lets go of the batch", func(t *testing.T) {
		r := ring.New[*int](8)
		r.Push(new(int))
		for range r.Batches(t.Context()) {
			break
		}
		if n := r.SlotsHeld(func(p *int) bool { return p == nil }); n != 0 {
			t.Errorf("%d slots still hold something", n)
		}
	})
	t.Run("with a batch of nothing when the last elements were evicted", func(t *testing.T) {
		r := ring.New[int](8)
		r.PushBatch([]int{1, 2, 3}, nil)
		r.Evict(2, nil)
		var got []ring.Batch[int]
		for b := range r.Batches(t.Context()) {
			got = append(got, ring.Batch[int]{Seq: b.Seq, Lost: b.Lost})
			r.Evict(1, nil)
			r.PushBatch([]int{4}, nil)
			r.Evict(1, nil)
			r.Close()
		}
		want := []ring.Batch[int]{{Seq: 2, Lost: 2}, {Seq: 4, Lost: 1}}
		if len(got) != 2 || got[0].Lost != want[0].Lost || got[1].Lost != want[1].Lost || got[1].Seq != want[1].Seq {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
	t.Run("with a batch of nothing, also when all of that happens while it sleeps", func(t *testing.T) {
		r := ring.New[int](8)
		got := make(chan []ring.Batch[int])
		go func() {
			var all []ring.Batch[int]
			for b := range r.Batches(t.Context()) {
				all = append(all, ring.Batch[int]{Seq: b.Seq, Lost: b.Lost})
			}
			got <- all
		}()
		untilAsleep(r.Signal())
		r.Signal().Disarm() // or the push would wake it before the eviction
		r.Push(1)
		r.Evict(1, nil)
		r.Signal().Arm()
		r.Close()
		if all := <-got; len(all) != 1 || all[0].Lost != 1 || all[0].Seq != 1 {
			t.Errorf("got %+v, want one batch with 1 lost", all)
		}
	})
}
