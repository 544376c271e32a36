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

// patient stands between a worker and its sink, so that the worker obeys its context where
// the sink cannot: nothing ends a sync of a mount that is dead. What such a call takes in
// the end is sent again. One goroutine at a time.
type patient struct {
	sink Sink
	busy chan struct{} // capacity 1: held while a call goes on
}

func newPatient(s Sink) *patient { return &patient{sink: s, busy: make(chan struct{}, 1)} }

// Send calls the sink when no call of it goes on any more.
func (p *patient) Send(ctx context.Context, items []Item) (taken int, err error) {
	select {
	case p.busy <- struct{}{}:
	case <-ctx.Done():
		return 0, ErrStuck
	}
	type result struct {
		taken int
		err   error
	}
	done := make(chan result, 1)
	go func() { // ends when the sink returns, which Send waits for but for a sink that is stuck
		taken, err := p.sink.Send(ctx, items)
		<-p.busy
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
func (p *patient) Close() error {
	done := make(chan error, 1)
	go func() { // as that of Send
		p.busy <- struct{}{}
		done <- p.sink.Close()
	}()
	late := time.NewTimer(obeyTime)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return ErrStuck
	}
}
