package ring

import (
	"context"
	"errors"
	"iter"
)

// fewElements is how many a look at tail has to find, or a pause follows.
const fewElements = 64

// Batches returns an iterator over all that comes, in batches as Claim returns them.
// It waits while the ring is empty, and ends when the ring is closed and drained, or
// with ctx. A batch is valid until the next turn. Its Items are empty in one case:
// the last batch of a closed ring may be there for its Lost alone.
//
// The body of the loop is a function to the compiler: what it adds up is best kept in
// a variable of its own, and added to one outside once a turn. A variable from outside
// that is changed with every element goes through memory every time.
func (r *Ring[T]) Batches(ctx context.Context) iter.Seq[Batch[T]] {
	return func(yield func(Batch[T]) bool) {
		defer r.Release()
		done := ctx.Done()
		for {
			select {
			case <-done:
				return
			default:
			}
			r.Release()
			items := r.take(r.slotMask + 1)
			if len(items) == 0 {
				err := r.Wait(ctx)
				if err == nil {
					continue
				}
				if errors.Is(err, ErrClosed) {
					if b := r.lastLoss(); b.Lost > 0 {
						yield(b)
					}
				}
				return
			}
			r.claimed = items
			if !yield(Batch[T]{Items: items, Seq: r.taken - uint64(len(items)), Lost: r.gap}) {
				return
			}
			// A look at tail takes its cache line away from the producer. While a
			// stream comes in bit by bit, look less often and find more.
			if r.taken == r.tailSeen && r.seen < fewElements {
				pause(pauseLoops)
			}
		}
	}
}
