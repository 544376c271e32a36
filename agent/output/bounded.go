package output

import (
	"context"
	"errors"
	"time"
)

// obeyTime is how long a call of a sink may go on after its context has ended.
const obeyTime = time.Second

// ErrStuck is returned for a call of a sink that did not end with its context, and for those
// that come while it still goes on.
var ErrStuck = errors.New("a call does not return, such as a write to a disk or a mount that is dead")

// bounded stands between a worker and its sink, so that the worker obeys its context where
// the sink cannot: nothing ends a sync of a mount that is dead. What such a call takes in
// the end is sent again. It is also the one place that errors of a sink come through, and
// leaves the secrets of the output there. One goroutine at a time.
type bounded struct {
	sink Sink
	mask func(string) string // of the Spec
	busy chan struct{}       // capacity 1: held while a call goes on
}

func newBounded(s Sink, mask func(string) string) *bounded {
	return &bounded{sink: s, mask: mask, busy: make(chan struct{}, 1)}
}

// Send calls the sink when no call of it goes on any more.
func (b *bounded) Send(ctx context.Context, items []Item) (taken int, err error) {
	taken, err = b.send(ctx, items)
	return taken, masked(err, b.mask)
}

func (b *bounded) send(ctx context.Context, items []Item) (taken int, err error) {
	select {
	case b.busy <- struct{}{}:
	case <-ctx.Done():
		return 0, ErrStuck
	}
	type result struct {
		taken int
		err   error
	}
	done := make(chan result, 1)
	go func() { // ends when the sink returns, which Send waits for but for a sink that is stuck
		taken, err := b.sink.Send(ctx, items)
		<-b.busy
		done <- result{taken, err}
	}()
	select {
	case r := <-done:
		return r.taken, r.err
	case <-ctx.Done():
	}
	late := time.NewTimer(obeyTime)
	defer late.Stop()
	select {
	case r := <-done:
		return r.taken, r.err
	case <-late.C:
		return 0, ErrStuck
	}
}

// Close closes the sink. One that is stuck is closed when its call has returned, which Close
// does not wait for.
func (b *bounded) Close() error {
	done := make(chan error, 1)
	go func() { // as that of Send
		b.busy <- struct{}{}
		done <- b.sink.Close()
	}()
	late := time.NewTimer(obeyTime)
	defer late.Stop()
	select {
	case err := <-done:
		return masked(err, b.mask)
	case <-late.C:
		return ErrStuck
	}
}
