package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/router/bus"
)

// errNotRunning explains a call that the routing thread will never take.
var errNotRunning = errors.New("broker has stopped")

// do runs f on the routing thread and returns when it has. When ctx or stop ends
// first it returns ctx.Err() or ErrClosed, and f runs later all the same.
func (b *Broker) do(ctx context.Context, stop <-chan struct{}, f func()) error {
	return b.doUntil(ctx, stop, func() bool { f(); return true })
}

// doUntil is do for an f that may have to go on in the next turn: then it returns false,
// and is called again.
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

// doWithin is do with a bound on the wait: past it f runs later, and the error is
// context.DeadlineExceeded.
func (b *Broker) doWithin(d time.Duration, f func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return b.doUntil(ctx, nil, f)
}

// post hands f to the routing thread; false after it has ended.
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
	b.signal.Notify() // wakes nobody before Run, which looks for calls first
	return true
}

// Post runs f on the routing thread between two turns. It returns false, and f
// never runs, when the broker has stopped.
func (b *Broker) Post(f func()) bool { return b.post(f) }

// Stopped is closed when the routing thread has ended.
func (b *Broker) Stopped() <-chan struct{} { return b.done }
