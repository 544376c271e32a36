package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/daemoneye/eventbus/frame"
)

// Drain implements bus.Bus: it lets open requests end, flushes, takes what the broker
// has queued, and closes. When the connection ends before the broker has sent its
// goodbye, it returns why, and what was queued there is lost, which a gap announces to
// each subscription. What is published once the last frame is about to be sent is
// refused with bus.ErrClosed.
func (c *Client) Drain(ctx context.Context) error {
	if c.inHandler() {
		return fmt.Errorf("drain: %w", ErrInHandler)
	}
	err := c.drainInTurn(ctx)
	patience := closeTimeout
	if ctx.Err() != nil {
		patience = 0
	}
	c.closeOnce.Do(func() { c.close(patience) })
	if err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	return nil
}

// drainInTurn is drain for one goroutine at a time: another one that found the client
// draining would close it under the first.
func (c *Client) drainInTurn(ctx context.Context) error {
	select {
	case c.drainTurn <- struct{}{}:
		defer func() { <-c.drainTurn }()
		return c.drain(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) drain(ctx context.Context) error {
	if err := c.responders.Wait(ctx); err != nil {
		return err
	}
	if err := c.calls.Wait(ctx); err != nil {
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
	subs := slices.Collect(maps.Values(c.subs))
	c.mu.Unlock()
	c.reportAllCredit()
	if err := c.out.Drain(ctx); err != nil && !errors.Is(err, ErrDisconnected) {
		return err
	} // why a connection has ended, the reading goroutine knows
	select {
	case <-c.readerDone: // all that came is read
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, s := range subs {
		if err := s.waitConsumed(ctx); err != nil {
			return err
		}
	}
	if !isOrderly(c.endErr) {
		return c.endErr
	}
	return nil
}

// isOrderly reports whether err is the goodbye of a broker that has sent all that it
// had for this client.
func isOrderly(err error) bool {
	var peer *frame.Fault
	return errors.As(err, &peer) && (peer.Code == frame.CodeNone || peer.Code == frame.CodeShutdown)
}
