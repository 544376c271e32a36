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
func (c *Client) run(conn *connection) {
	unlock := unixsock.LockThread()
	defer unlock()
	c.readerThread.Store(int64(unix.Gettid()))
	defer c.readerThread.Store(0)
	defer close(c.readerDone)
	backoff := firstBackoff
	for {
		since := time.Now()
		err := c.receive(conn)
		c.endErr = err
		c.endConnection(conn, err)
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
		if conn = c.redial(&backoff); conn == nil {
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

// redial connects again, until that succeeds or the client is closed. backoff is the
// first pause, and becomes the next one.
func (c *Client) redial(backoff *time.Duration) *connection {
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
		conn, err := dial(c.ctx, &c.o)
		if err != nil {
			if refused := new(frame.Fault); errors.As(err, &refused) {
				c.report(err) // that no broker listens is not reported; that one refuses is
			}
			continue
		}
		if err := c.resume(conn); err != nil {
			unix.Close(conn.fd)
			if c.isClosed() {
				return nil
			}
			continue
		}
		if c.o.OnState != nil {
			c.o.OnState(nil)
		}
		return conn
	}
}

// resume puts a new connection into use: first all subscriptions, then what was
// published meanwhile, without what is too large for the new broker. Each subscription
// gets a gap, because messages may be missing. A pending one is left out: its Subscribe
// returns that the connection was lost, or has not sent the frame yet.
func (c *Client) resume(conn *connection) error {
	c.mu.Lock()
	subs := slices.DeleteFunc(slices.Collect(maps.Values(c.subs)), func(sub *subscription) bool { return sub.pending || sub.draining })
	c.mu.Unlock()
	for _, sub := range subs {
		sub.connectionLost() // it may call a handler, so no lock is held
	}
	next := newTerms(conn.welcome)
	newBroker := next.isNewBroker(c.terms.Load())
	c.terms.Store(next) // what is published from here on keeps the new limit
	for _, err := range c.out.DropKept(func(f frame.Frame) error { return next.admit(len(f)) }) {
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
	c.fd = conn.fd
	c.calls.MaxFrame = conn.welcome.MaxMessageSize
	for _, sub := range c.subs {
		if sub.consumer != nil {
			sub.consumer.SetMaxFrame(conn.welcome.MaxMessageSize)
		}
	}
	c.calls.Open(conn.welcome.MaxRequests)
	c.out.Prepend(b)
	c.out.Connect(conn.fd, conn.welcome.MaxMessageSize, conn.offset)
	return nil
}
