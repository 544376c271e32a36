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

// The pause before a connection is made again. It doubles each time, and a random part
// of it is waited, so that many clients do not come back at once. It goes on from one
// connection to the next, until one lives for longer than the next pause would be.
const (
	firstBackoff = 20 * time.Millisecond // a broker that was restarted is back in less than two of them
	maxBackoff   = 5 * time.Second       // one that was away for long is found as soon as that
)

// run reads from the connection, and from the next ones, until the client is closed or
// may not connect again. It is the reading goroutine.
func (c *Client) run(s *session) {
	unlock := unixsock.LockThread()
	defer unlock()
	c.readerThread.Store(int64(unix.Gettid()))
	defer c.readerThread.Store(0)
	defer close(c.readerDone)
	backoff := firstBackoff
	for {
		since := time.Now()
		err := c.receive(s)
		c.endErr = err
		c.endConnection(s, err)
		if c.isClosed() {
			c.finish(c.closedErr(err))
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

// backoffAfter returns the pause behind a connection that lived so long, where backoff
// is the next pause otherwise: one that ends at once is not made again and again.
func backoffAfter(lived, backoff time.Duration) time.Duration {
	if lived > backoff {
		return firstBackoff
	}
	return backoff
}

// closedErr returns the error for a client that was closed when its connection ended,
// because of err. If it was draining and the broker did not send all that it had
// queued, that is lost, and announced to its subscriptions.
func (c *Client) closedErr(err error) error {
	c.mu.Lock()
	lost := c.draining && !isOrderly(err)
	subs := slices.Collect(maps.Values(c.subs))
	c.mu.Unlock()
	if !lost {
		return bus.ErrClosed
	}
	for _, sub := range subs {
		sub.connectionLost()
	}
	return err
}

// endConnection takes the connection out of use, because of err, and closes it.
func (c *Client) endConnection(s *session, err error) {
	c.mu.Lock()
	if c.fd == s.fd {
		c.fd = -1
	}
	c.mu.Unlock()
	unixsock.HangUp(s.fd) // ends a write in progress
	cutID := c.out.disconnect()
	unix.Close(s.fd)
	c.dropPoison(cutID, err)
	// Calls that wait for an answer will not get it, because the broker forgets a
	// client's requests with its connection.
	if c.isClosed() {
		c.calls.Close(bus.ErrClosed)
		return
	}
	c.calls.Close(fmt.Errorf("%w: %w", ErrDisconnected, err))
}

// dropPoison drops the message that was being written, if the broker has ended two
// connections over it: it would end the next one as well, and nothing behind the
// message would ever be sent.
func (c *Client) dropPoison(cutID uint64, err error) {
	var peer *frame.Fault
	if cutID == 0 || !errors.As(err, &peer) || !isFault(peer.Code) {
		return
	}
	if cutID != c.suspect {
		c.suspect = cutID
		return
	}
	for _, err := range c.out.dropKept(func(f frame.Frame) error {
		if f.ID() != cutID {
			return nil
		}
		return fmt.Errorf("publish %q: the broker ended two connections over it: %w", f.Topic(), peer)
	}) {
		c.report(err)
	}
}

// isFault reports whether the broker may have ended a connection with code because of
// the message that was being written to it.
func isFault(code frame.Code) bool {
	switch code {
	case frame.CodeNone, frame.CodeShutdown, frame.CodeHandshake, frame.CodeHeartbeat, frame.CodeSlow:
		return false
	}
	return true
}

// hangUp ends the connection, if there is one. The descriptor is closed elsewhere,
// after mu was held to take it out of use, so it cannot be another one by then.
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

// redial connects again, until that succeeds or the client is closed. backoff is the
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
			if refused := new(frame.Fault); errors.As(err, &refused) {
				c.report(err) // that no broker listens is not reported; that one refuses is
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
// published meanwhile, without what is too large for the new broker. Each subscription
// gets a gap, because messages may be missing. A pending one is left out: its Subscribe
// returns that the connection was lost, or has not sent the frame yet.
func (c *Client) resume(s *session) error {
	c.mu.Lock()
	subs := slices.DeleteFunc(slices.Collect(maps.Values(c.subs)), func(sub *subscription) bool { return sub.pending || sub.draining })
	c.mu.Unlock()
	for _, sub := range subs {
		sub.connectionLost() // it may call a handler, so no lock is held
	}
	next := newTerms(s.welcome)
	newBroker := next.isNewBroker(c.terms.Load())
	c.terms.Store(next) // what is published from here on keeps the new limit
	for _, err := range c.out.dropKept(func(f frame.Frame) error { return next.admit(len(f)) }) {
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
		if b, err = sub.appendResubscribe(b, newBroker); err != nil {
			return err
		}
	}
	c.fd = s.fd
	c.calls.MaxFrame = s.welcome.MaxMessageSize
	for _, sub := range c.subs {
		if sub.consumer != nil {
			sub.consumer.SetMaxFrame(s.welcome.MaxMessageSize)
		}
	}
	c.calls.Open(s.welcome.MaxRequests)
	c.out.prepend(b)
	c.out.connect(s.fd, s.welcome.MaxMessageSize, s.offset)
	return nil
}

// finish ends everything that depends on a connection, because of err.
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
