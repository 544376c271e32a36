package ring

import (
	"context"
	"errors"
	"iter"
)

// fewElements is how many elements a load of tail has to find, or a pause follows.
const fewElements = 64

// Batches returns an iterator over all that comes, in batches as Claim returns them.
// It waits while the ring is empty, and ends when the ring is closed and drained, or
// with ctx. A batch is valid until the next turn. Its Items are empty in one case:
// the last batch of a closed ring may be there for its Lost alone.
//
// To the compiler the body of the loop is a function. A variable from outside that
// changes with every element goes through memory every time. It is faster to add up in
// a variable of the body, and to add that to one outside once a turn.
func (c *Consumer[T]) Batches(ctx context.Context) iter.Seq[Batch[T]] {
	return func(yield func(Batch[T]) bool) {
		c.mustBeMade()
		defer c.Release()
		done := ctx.Done()
		for {
			select {
			case <-done:
				return
			default:
			}
			c.Release()
			items := c.take(c.slotMask + 1)
			if len(items) == 0 {
				err := c.Wait(ctx)
				if err == nil {
					continue
				}
				if errors.Is(err, ErrClosed) {
					if b := c.lastLoss(); b.Lost > 0 {
						yield(b)
					}
				}
				return
			}
			c.unreleased = items
			if !yield(Batch[T]{Items: items, Seq: c.taken - uint64(len(items)), Lost: c.lostBefore}) {
				return
			}
			// A load of tail takes its cache line away from the producer. While a
			// stream comes in bit by bit, load it less often and find more.
			if c.taken == c.cachedTail && c.found < fewElements {
				pause(pauseLoops)
			}
		}
	}
}
