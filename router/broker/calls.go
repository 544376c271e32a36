package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/router/bus"
)

// errNotRunning is the error of a call that the routing thread will never run.
var errNotRunning = errors.New("broker has stopped")

// do runs f on the routing thread and returns when f has returned. If ctx or stop ends
// first, do returns ctx.Err() or ErrClosed, and f still runs later.
func (b *Broker) do(ctx context.Context, stop <-chan struct{}, f func()) error {
	return b.doUntil(ctx, stop, func() bool { f(); return true })
}

// doUntil is do for an f that may need several turns. While f returns false, the routing
// thread calls it again in the next turn.
func (b *Broker) doUntil(ctx context.Context, stop <-chan struct{}, f func() bool) error {
	done := make(chan struct{})
	call := func() bool {
		if !f() {
			return false
		}
		close(done)
		return true
	}
	if !b.postUntil(call) {
		return fmt.Errorf("router: %w: %w", errNotRunning, bus.ErrClosed)
	}
	select {
	case <-done:
		return nil
	case <-b.done:
		select {
		case <-done: // it was the last thing that the thread did
			return nil
		default:
			return fmt.Errorf("router: %w: %w", errNotRunning, bus.ErrClosed)
		}
	case <-stop:
		return bus.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// doWithin is doUntil with a bound on the wait. When d has passed, it returns
// context.DeadlineExceeded, and f still runs later.
func (b *Broker) doWithin(d time.Duration, f func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return b.doUntil(ctx, nil, f)
}

// post hands f to the routing thread. It returns false if that has ended.
func (b *Broker) post(f func()) bool {
	return b.postUntil(func() bool { f(); return true })
}

// postUntil is post for an f that is called in each turn until it returns true.
func (b *Broker) postUntil(f func() bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.calls = append(b.calls, f)
	b.signal.Notify() // has no effect before Run, which begins with the posted calls
	return true
}

// Post runs f on the routing thread between two turns. It returns false, and f
// never runs, when the broker has stopped.
func (b *Broker) Post(f func()) bool { return b.post(f) }

// Stopped returns a channel that is closed when the routing thread has ended.
func (b *Broker) Stopped() <-chan struct{} { return b.done }
