package ring

import (
	"context"
	"iter"
)

const (
	fewElements = 64 // a look at tail that finds fewer is followed by a pause
	maxRest     = 4 * pauseLoops
)

// Batches returns an iterator over all that comes, in batches as Claim returns them.
// It waits while the ring is empty, and ends when the ring is closed and drained, or
// with ctx. A batch is valid until the next turn. Its Items are empty in one case:
// the last batch of a closed ring may be there for its Lost alone.
func (r *Ring[T]) Batches(ctx context.Context) iter.Seq[Batch[T]] {
	return func(yield func(Batch[T]) bool) {
		defer r.Release()
		done := ctx.Done()
		rest := pauseLoops
		for {
			select {
			case <-done:
				return
			default:
			}
			b := r.Claim(int(r.slotMask + 1))
			if len(b.Items) == 0 && b.Lost == 0 {
				if r.Wait(ctx) != nil {
					return
				}
				rest = pauseLoops
				continue
			}
			if !yield(b) {
				return
			}
			// To look at tail takes its cache line away from the producer. While a
			// stream comes in bit by bit, look less often and find more.
			if r.taken == r.tailSeen && r.seen < fewElements {
				pause(rest)
				rest = min(2*rest, maxRest)
			}
		}
	}
}
