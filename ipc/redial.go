package ipc

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/router"
)

// Backoff of reconnecting: doubled each time, and a random part of it is
// waited, so that many clients do not come back at once.
const (
	firstBackoff = 20 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// run reads from the connection, and from the next ones, until the client is
// closed or may not connect again.
func (c *Client) run(s *session) {
	unlock := lockThread()
	defer unlock()
	c.reader.Store(int64(unix.Gettid()))
	defer c.reader.Store(0)
	defer close(c.over)
	for {
		err := c.read(s)
		c.lost(s, err)
		if c.isClosed() {
			c.finish(router.ErrClosed)
			return
		}
		if c.o.OnState != nil {
			c.o.OnState(err)
		}
		if c.o.NoReconnect {
			c.finish(err)
			return
		}
		if s = c.redial(); s == nil {
			c.finish(router.ErrClosed)
			return
		}
	}
}

// lost takes the connection out of use and closes it.
func (c *Client) lost(s *session, err error) {
	c.mu.Lock()
	if c.fd == s.fd {
		c.fd = -1
	}
	c.mu.Unlock()
	hangUp(s.fd) // ends a write in progress
	c.out.disconnect()
	unix.Close(s.fd)
	// Whoever waits for an answer will not get it: the broker forgets a
	// client's requests with its connection.
	if c.isClosed() {
		c.calls.Close(router.ErrClosed)
		return
	}
	c.calls.Close(fmt.Errorf("%w: %w", ErrDisconnected, err))
}

// hangUp ends the connection, if there is one. It is closed elsewhere, with mu
// held once in between, so that it cannot be another by then.
func (c *Client) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 {
		hangUp(c.fd)
	}
}

func (c *Client) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// redial connects again, until it works or the client is closed.
func (c *Client) redial() *session {
	backoff := firstBackoff
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(backoff/2 + rand.N(backoff/2))
		select {
		case <-c.ctx.Done():
			return nil
		case <-timer.C:
		}
		backoff = min(2*backoff, maxBackoff)
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
// published meanwhile. Each subscription is told that something may be missing.
func (c *Client) resume(s *session) error {
	c.mu.Lock()
	subs := slices.Collect(maps.Values(c.subs))
	c.mu.Unlock()
	for _, sub := range subs {
		sub.interrupted() // may call a handler, so no lock is held
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return router.ErrClosed
	}
	// A broker numbers its connections, so one that is not higher than the last
	// is another broker's.
	newBroker := s.welcome.Source <= c.Source()
	var b []byte
	for _, sub := range c.subs {
		var err error
		if b, err = sub.appendSubscribe(b, newBroker); err != nil {
			return err
		}
	}
	c.fd = s.fd
	c.terms.Store(newTerms(s.welcome))
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
	if !errors.Is(err, router.ErrClosed) {
		err = fmt.Errorf("%w: %w", router.ErrClosed, err)
	}
	c.calls.Close(err)
	c.out.close(nil)
}
