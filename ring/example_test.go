package ring_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/daemoneye/eventbus/ring"
)

// A full ring hands its oldest element back to the producer that pushes the next one.
func Example() {
	r := ring.New[string](3)
	for _, s := range []string{"one", "two", "three", "four"} {
		if old, full := r.Push(s); full {
			fmt.Println("evicted", old)
		}
	}
	for {
		s, ok := r.Pop()
		if !ok {
			break
		}
		fmt.Println("popped", s)
	}
	// Output:
	// evicted one
	// popped two
	// popped three
	// popped four
}

// A consumer on a goroutine of its own reads in place, batch by batch, and learns
// exactly what it missed.
func ExampleRing_Batches() {
	r := ring.New[int](100)
	r.PushBatch(make([]int, 130), nil) // the first 30 are evicted again
	r.Close()

	for b := range r.Batches(context.Background()) {
		fmt.Printf("%d lost, then %d from number %d on\n", b.Lost, len(b.Items), b.Seq)
	}
	// Output:
	// 30 lost, then 2 from number 30 on
	// 0 lost, then 32 from number 32 on
	// 0 lost, then 32 from number 64 on
	// 0 lost, then 32 from number 96 on
	// 0 lost, then 2 from number 128 on
}

// Elements that hold something to be released are released by the side that takes
// them out, so each of them is released once.
func ExampleRing_PushBatch() {
	free := make([][]byte, 0, 8) // unused buffers
	r := ring.New[[]byte](2)
	evicted := make([][]byte, 0, 8)
	for i := range 5 {
		buffer := fmt.Appendf(nil, "message %d", i)
		evicted = r.PushBatch([][]byte{buffer}, evicted[:0])
		free = append(free, evicted...)
	}
	b := r.Claim(64)
	fmt.Printf("%s\n", b.Items)
	free = append(free, b.Items...)
	r.Release() // or the next call of the consumer
	fmt.Println(len(free), "buffers are free")
	// Output:
	// [message 3 message 4]
	// 5 buffers are free
}

// With a budget a large element may cost several small ones their place.
func ExampleNewWithOptions() {
	r := ring.NewWithOptions(ring.Options[string]{
		Capacity: 1000,
		MaxBytes: 10,
		SizeOf:   func(s *string) int { return len(*s) },
	})
	r.PushBatch([]string{"abc", "defg", "hi"}, nil)
	evicted := r.PushBatch([]string{"jklmn"}, nil)
	fmt.Println(evicted, r.Bytes(), "bytes")
	// Output: [abc defg] 7 bytes
}

// A producer that would rather keep what is queued offers instead of pushing.
func ExampleRing_Offer() {
	r := ring.New[int](2)
	for i := range 4 {
		if !r.Offer(i) {
			fmt.Println("no room for", i)
		}
	}
	// Output:
	// no room for 2
	// no room for 3
}

// A consumer that does something else between elements waits by itself.
func ExampleRing_Wait() {
	r := ring.New[int](8)
	go func() {
		for i := range 3 {
			r.Push(i)
		}
		r.Close()
	}()
	for {
		if err := r.Wait(context.Background()); errors.Is(err, ring.ErrClosed) {
			fmt.Println("closed and drained")
			return
		}
		if v, ok := r.Pop(); ok {
			fmt.Println(v)
		}
	}
	// Output:
	// 0
	// 1
	// 2
	// closed and drained
}

// One goroutine consumes two rings, the urgent one first.
func ExampleSignal() {
	signal := ring.NewSignal()
	urgent := ring.NewWithOptions(ring.Options[string]{Capacity: 8, Signal: signal})
	bulk := ring.NewWithOptions(ring.Options[string]{Capacity: 8, Signal: signal})
	bulk.PushBatch([]string{"a", "b"}, nil)
	urgent.Push("now")

	ready := func() bool { return urgent.Len() > 0 || bulk.Len() > 0 }
	for range 3 {
		if err := signal.Wait(context.Background(), ready); err != nil {
			return
		}
		s, ok := urgent.Pop()
		if !ok {
			s, _ = bulk.Pop()
		}
		fmt.Println(s)
	}
	// Output:
	// now
	// a
	// b
}
