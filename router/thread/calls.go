package thread

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/router/bus"
)

// errStopped is the error of a call that the routing thread will never run.
var errStopped = fmt.Errorf("router: %w: %w", errors.New("broker has stopped"), bus.ErrClosed)

// Calls are functions that other goroutines hand to the routing thread, which runs them
// between two turns. Run, Close and Stop are the routing thread's; the other methods are
// safe for concurrent use.
type Calls struct {
	wake    func()
	stopped chan struct{} // closed when the routing thread has ended

	mu     sync.Mutex
	posted []func() bool // guarded by mu; called until they return true
	closed bool          // guarded by mu
}

// NewCalls returns Calls that use wake to wake the routing thread. Before the thread runs,
// wake must do nothing: the thread begins with the posted calls.
func NewCalls(wake func()) *Calls {
	return &Calls{wake: wake, stopped: make(chan struct{})}
}

// Post hands f to the routing thread. It returns false, and f never runs, when the thread
// has ended.
func (c *Calls) Post(f func()) bool {
	return c.PostUntil(func() bool { f(); return true })
}

// PostUntil is Post for an f that is called in each turn until it returns true.
func (c *Calls) PostUntil(f func() bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.posted = append(c.posted, f)
	c.wake()
	return true
}

// Do runs f on the routing thread and returns when f has returned. If ctx or cancel ends
// first, Do returns ctx.Err() or ErrClosed, and f still runs later.
func (c *Calls) Do(ctx context.Context, cancel <-chan struct{}, f func()) error {
	return c.DoUntil(ctx, cancel, func() bool { f(); return true })
}

// DoUntil is Do for an f that may need several turns. While f returns false, the routing
// thread calls it again in the next turn.
func (c *Calls) DoUntil(ctx context.Context, cancel <-chan struct{}, f func() bool) error {
	done := make(chan struct{})
	call := func() bool {
		if !f() {
			return false
		}
		close(done)
		return true
	}
	if !c.PostUntil(call) {
		return errStopped
	}
	select {
	case <-done:
		return nil
	case <-c.stopped:
		select {
		case <-done: // it was the last thing that the thread did
			return nil
		default:
			return errStopped
		}
	case <-cancel:
		return bus.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// DoWithin is DoUntil with a bound on the wait. When d has passed, it returns
// context.DeadlineExceeded, and f still runs later.
func (c *Calls) DoWithin(d time.Duration, f func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return c.DoUntil(ctx, nil, f)
}

// Len returns how many calls have not returned true yet.
func (c *Calls) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.posted)
}

// Run runs each call once. It reports whether there was one.
func (c *Calls) Run() bool {
	c.mu.Lock()
	calls := c.posted
	c.posted = nil
	c.mu.Unlock()
	if len(calls) == 0 {
		return false
	}
	kept := calls[:0]
	for _, f := range calls {
		if !f() {
			kept = append(kept, f)
		}
	}
	if len(kept) > 0 {
		c.mu.Lock()
		c.posted = append(kept, c.posted...)
		c.mu.Unlock()
	}
	return true
}

// Close has nothing more posted, and returns what was posted before. The caller runs each
// of these calls until it returns true.
func (c *Calls) Close() []func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.posted
	c.posted, c.closed = nil, true
	return calls
}

// Stop ends all waits, because the routing thread runs no more calls.
func (c *Calls) Stop() { close(c.stopped) }

// Stopped returns a channel that is closed when the routing thread has ended.
func (c *Calls) Stopped() <-chan struct{} { return c.stopped }
