package client

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/bus"
)

// Backoff of reconnecting: doubled each time, and a random part of it is
// waited, so that many clients do not come back at once. It goes on from one
// connection to the next, until one lives for longer than the next pause would be.
const (
	firstBackoff = 20 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// run reads from the connection, and from the next ones, until the client is
// closed or may not connect again.
func (c *Client) run(s *session) {
	unlock := unixsock.LockThread()
	defer unlock()
	c.reader.Store(int64(unix.Gettid()))
	defer c.reader.Store(0)
	defer close(c.over)
	backoff := firstBackoff
	for {
		since := time.Now()
		err := c.read(s)
		c.why = err
		c.lost(s, err)
		if c.isClosed() {
			c.finish(c.ended(err))
			return
		}
		if c.o.OnState != nil {
			c.o.OnState(err)
		}
		if c.o.NoReconnect {
			c.finish(err)
			return
		}
		backoff = backoffAfter(time.Since(since), backoff)
		if s = c.redial(&backoff); s == nil {
			c.finish(bus.ErrClosed)
			return
		}
	}
}

// backoffAfter returns the pause behind a connection that lived so long, where
// backoff is what it would be else: one that ends at once is not made again and
// again.
func backoffAfter(lived, backoff time.Duration) time.Duration {
	if lived > backoff {
		return firstBackoff
	}
	return backoff
}

// ended is for a client that was closed when its connection ended. One that drains
// has lost what the broker did not send before it went, and its subscriptions are
// told.
func (c *Client) ended(err error) error {
	c.mu.Lock()
	lost := c.draining && !orderly(err)
	subs := slices.Collect(maps.Values(c.subs))
	c.mu.Unlock()
	if !lost {
		return bus.ErrClosed
	}
	for _, sub := range subs {
		sub.interrupted()
	}
	return err
}

// lost takes the connection out of use and closes it.
func (c *Client) lost(s *session, err error) {
	c.mu.Lock()
	if c.fd == s.fd {
		c.fd = -1
	}
	c.mu.Unlock()
	unixsock.HangUp(s.fd) // ends a write in progress
	stuck := c.out.disconnect()
	unix.Close(s.fd)
	c.blame(stuck, err)
	// Whoever waits for an answer will not get it: the broker forgets a
	// client's requests with its connection.
	if c.isClosed() {
		c.calls.Close(bus.ErrClosed)
		return
	}
	c.calls.Close(fmt.Errorf("%w: %w", ErrDisconnected, err))
}

// blame drops a message over which the broker has ended two connections: it would
// end the next one as well, and nothing behind it would ever be sent.
func (c *Client) blame(stuck uint64, err error) {
	var said *PeerError
	if stuck == 0 || !errors.As(err, &said) || !faulty(said.Code) {
		return
	}
	if stuck != c.suspect {
		c.suspect = stuck
		return
	}
	for _, err := range c.out.discard(func(f frame.Frame) error {
		if f.ID() != stuck {
			return nil
		}
		return fmt.Errorf("publish %q: the broker ended two connections over it: %w", f.Topic(), said)
	}) {
		c.report(err)
	}
}

// faulty reports whether a connection that ended with code may have done so for
// what was being written to it.
func faulty(code frame.Code) bool {
	switch code {
	case frame.CodeNone, frame.CodeShutdown, frame.CodeHandshake, frame.CodeHeartbeat, frame.CodeSlow:
		return false
	}
	return true
}

// hangUp ends the connection, if there is one. It is closed elsewhere, with mu
// held once in between, so that it cannot be another by then.
func (c *Client) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 {
		unixsock.HangUp(c.fd)
	}
}

func (c *Client) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// redial connects again, until it works or the client is closed. backoff is the
// first pause, and becomes the next one.
func (c *Client) redial(backoff *time.Duration) *session {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(*backoff/2 + rand.N(*backoff/2))
		select {
		case <-c.ctx.Done():
			return nil
		case <-timer.C:
		}
		*backoff = min(2*(*backoff), maxBackoff)
		s, err := dial(c.ctx, &c.o)
		if err != nil {
			if refused := new(PeerError); errors.As(err, &refused) {
				c.report(err) // no broker is waited for in silence, one that says no is not
			}
			continue
		}
		if err := c.resume(s); err != nil {
			unix.Close(s.fd)
			if c.isClosed() {
				return nil
			}
			continue
		}
		if c.o.OnState != nil {
			c.o.OnState(nil)
		}
		return s
	}
}

// resume puts a new connection into use: first all subscriptions, then what was
// published meanwhile, but what the new broker would not take. Each subscription is
// told that something may be missing. One that is pending is left out: its caller
// is told that the connection was lost, or has not sent it yet.
func (c *Client) resume(s *session) error {
	c.mu.Lock()
	subs := slices.DeleteFunc(slices.Collect(maps.Values(c.subs)), func(sub *clientSub) bool { return sub.pending })
	c.mu.Unlock()
	for _, sub := range subs {
		sub.interrupted() // may call a handler, so no lock is held
	}
	next := newTerms(s.welcome)
	newBroker := next.another(c.terms.Load())
	c.terms.Store(next) // what is published from here on keeps the new limit
	for _, err := range c.out.discard(func(f frame.Frame) error { return next.admit(len(f)) }) {
		c.report(fmt.Errorf("publish: %w", err))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return bus.ErrClosed
	}
	var b []byte
	for _, sub := range subs {
		if c.subs[sub.id] != sub {
			continue // closed meanwhile
		}
		var err error
		if b, err = sub.appendSubscribe(b, newBroker); err != nil {
			return err
		}
	}
	c.fd = s.fd
	c.calls.MaxPayload = s.welcome.MaxMessageSize
	for _, sub := range c.subs {
		if sub.consumer != nil {
			sub.consumer.SetMaxPayload(s.welcome.MaxMessageSize)
		}
	}
	c.calls.Close(nil)
	c.out.ahead(b)
	c.out.connect(s.fd, s.welcome.MaxMessageSize)
	return nil
}

// finish ends everything that depends on a connection, for err.
func (c *Client) finish(err error) {
	c.mu.Lock()
	c.closed = true
	for _, sub := range c.subs {
		sub.end(err)
	}
	c.mu.Unlock()
	if !errors.Is(err, bus.ErrClosed) {
		err = fmt.Errorf("%w: %w", bus.ErrClosed, err)
	}
	c.calls.Close(err)
	c.out.close(nil)
}
