package ring

import (
	"context"
	"errors"
	"iter"
)

// A load of tail takes its cache line away from the producer, whose next push waits until
// it is back. So a pause follows a load that found few elements, and the next one finds
// more. The pause of a stream is longer, where the ring has room for what comes meanwhile:
// in 300 ns come some 60 elements one by one, and 500 at most. With it elements one by one
// take 5.7 ns instead of 9.0, beside 44 of a channel (BenchmarkStream, 12 rounds in turn).
const (
	fewElements    = 96
	streamFound    = 8 // what is fewer is no stream, and waits for 100 ns only
	streamCapacity = 512
	streamPause    = 3 * pauseLoops
)

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
			switch {
			case c.taken != c.cachedTail || c.found >= fewElements:
			case c.found >= streamFound && c.capacity >= streamCapacity:
				pause(streamPause)
			default:
				pause(pauseLoops)
			}
		}
	}
}
