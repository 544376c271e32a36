package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// reading reports whether the calling goroutine is the reading one, which has a
// thread to itself: then a handler is calling, and nobody else could bring what
// it waits for.
func (c *Client) reading() bool { return c.reader.Load() == int64(unix.Gettid()) }

// flights are the requests that wait for their answers, so that Drain can let
// those end that have begun, and not wait for what begins meanwhile.
type flights struct {
	mu   sync.Mutex
	open map[chan struct{}]struct{} // guarded by mu; closed when they end
}

func (f *flights) begin() (end func()) {
	done := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		f.open = make(map[chan struct{}]struct{})
	}
	f.open[done] = struct{}{}
	return func() {
		f.mu.Lock()
		delete(f.open, done)
		f.mu.Unlock()
		close(done)
	}
}

func (f *flights) wait(ctx context.Context) error {
	f.mu.Lock()
	open := slices.Collect(maps.Keys(f.open))
	f.mu.Unlock()
	for _, done := range open {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Drain implements bus.Bus: it lets open requests end, flushes, takes what
// the broker has queued, and closes. When the connection ends before the broker has
// said goodbye, it returns why, and what was queued there is lost: subscriptions are
// told by a gap. What is published once the last frame is about to be sent is
// refused with bus.ErrClosed.
func (c *Client) Drain(ctx context.Context) error {
	if c.reading() {
		return fmt.Errorf("drain: %w", ErrInHandler)
	}
	err := c.drain(ctx)
	if cerr := c.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	return nil
}

func (c *Client) drain(ctx context.Context) error {
	if err := c.resp.Wait(ctx); err != nil {
		return err
	}
	if err := c.open.wait(ctx); err != nil {
		return err
	}
	if err := c.Flush(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	if c.fd < 0 {
		c.mu.Unlock()
		return ErrDisconnected
	}
	c.closed, c.draining = true, true // the goodbye that comes is expected
	subs := make([]*clientSub, 0, len(c.subs))
	for _, s := range c.subs {
		subs = append(subs, s)
	}
	c.mu.Unlock()
	if err := c.out.drain(); err != nil && !errors.Is(err, ErrDisconnected) {
		return err
	} // of a connection that has ended, the reading goroutine knows why
	select {
	case <-c.over: // all is read that came
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, s := range subs {
		if err := s.drained(ctx); err != nil {
			return err
		}
	}
	if !orderly(c.why) {
		return c.why
	}
	return nil
}

// orderly reports whether err is the goodbye of a broker that has sent all that it
// had for this client.
func orderly(err error) bool {
	var said *PeerError
	return errors.As(err, &said) && (said.Code == frame.CodeNone || said.Code == frame.CodeShutdown)
}

// Close implements bus.Bus. What was published before is written, as far as
// the broker takes it within a second. In a handler it does nothing but return
// ErrInHandler.
func (c *Client) Close() error {
	if c.reading() {
		return fmt.Errorf("close: %w", ErrInHandler)
	}
	c.closing.Do(c.close)
	return nil
}

func (c *Client) close() {
	c.mu.Lock()
	c.closed, c.draining = true, false
	c.mu.Unlock()
	impatient := time.AfterFunc(closeTimeout, c.hangUp)
	c.out.close(frame.AppendGoodbyeFrame(nil, frame.Now(), frame.Goodbye{}))
	impatient.Stop()
	c.cancel()
	c.hangUp()
	<-c.over
	c.calls.Close(bus.ErrClosed)
	c.mu.Lock()
	subs := c.subs
	c.subs = make(map[uint64]*clientSub)
	c.mu.Unlock()
	for _, s := range subs {
		s.abandon()
	}
	c.workers.Wait()
}
