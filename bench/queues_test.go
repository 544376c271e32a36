package bench_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/daemoneye/eventbus/ring"
)

// streamRing moves n elements from one goroutine to another; nothing is lost, for
// the producer offers.
func streamRing(n, batch int) {
	r := ring.New[uint64](capacity)
	var done sync.WaitGroup
	done.Go(func() {
		vs := slices.Repeat([]uint64{1}, batch)
		for sent := 0; sent < n; {
			if batch == 1 {
				for !r.Offer(1) {
					runtime.Gosched()
				}
				sent++
				continue
			}
			taken := r.OfferBatch(vs[:min(batch, n-sent)])
			if sent += taken; taken == 0 {
				runtime.Gosched()
			}
		}
		r.Close()
	})
	sum := uint64(0)
	for b := range r.Batches(context.Background()) {
		part := uint64(0) // of the turn: sum is shared with the loop's function, and not in a register
		for _, v := range b.Items {
			part += v
		}
		sum += part
	}
	done.Wait()
	check(sum, n)
}

func streamChannel(n int) {
	c := make(chan uint64, capacity)
	var done sync.WaitGroup
	done.Go(func() {
		for range n {
			c <- 1
		}
		close(c)
	})
	sum := uint64(0)
	for v := range c {
		sum += v
	}
	done.Wait()
	check(sum, n)
}

// streamLocked is the queue that one writes first: an array, a mutex and two
// conditions.
func streamLocked(n int) {
	var (
		mu         sync.Mutex
		slots      [capacity]uint64
		head, tail int
		notEmpty   = sync.NewCond(&mu)
		notFull    = sync.NewCond(&mu)
		done       sync.WaitGroup
	)
	done.Go(func() {
		for range n {
			mu.Lock()
			for tail-head == capacity {
				notFull.Wait()
			}
			slots[tail%capacity] = 1
			tail++
			mu.Unlock()
			notEmpty.Signal()
		}
	})
	sum := uint64(0)
	for range n {
		mu.Lock()
		for tail == head {
			notEmpty.Wait()
		}
		sum += slots[head%capacity]
		head++
		mu.Unlock()
		notFull.Signal()
	}
	done.Wait()
	check(sum, n)
}

// check has the consumer's sum looked at, so that nobody leaves it out.
func check(sum uint64, n int) {
	if sum != uint64(n) {
		panic(fmt.Sprintf("%d of %d elements have come", sum, n)) // a queue of ours is broken
	}
}
