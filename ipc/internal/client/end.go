package client

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/bus"
)

const closeTimeout = time.Second // for what is written while closing

// Close implements bus.Bus. What was published before is written, as far as the broker
// takes it within a second. In a handler it only returns ErrInHandler.
func (c *Client) Close() error {
	if c.inHandler() {
		return fmt.Errorf("close: %w", ErrInHandler)
	}
	c.closeOnce.Do(func() { c.close(closeTimeout) })
	return nil
}

// close gives what is being written as long as patience allows.
func (c *Client) close(patience time.Duration) {
	c.mu.Lock()
	c.closed, c.draining = true, false
	c.mu.Unlock()
	impatient := time.AfterFunc(patience, c.hangUp)
	c.out.Close(frame.AppendGoodbyeFrame(nil, frame.Now(), frame.Fault{}))
	impatient.Stop()
	c.creditTimer.Stop()
	c.cancel()
	c.hangUp()
	<-c.readerDone
	c.calls.Close(bus.ErrClosed)
	c.mu.Lock()
	subs := c.subs
	c.subs = make(map[uint64]*subscription)
	c.mu.Unlock()
	for _, s := range subs {
		s.abandon()
	}
	c.workers.Wait()
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
func (c *Client) endConnection(conn *connection, err error) {
	c.mu.Lock()
	if c.fd == conn.fd {
		c.fd = -1
	}
	c.mu.Unlock()
	unixsock.HangUp(conn.fd) // ends a write in progress
	cutID := c.out.Disconnect()
	unix.Close(conn.fd)
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
	for _, err := range c.out.DropKept(func(f frame.Frame) error {
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
	c.out.Close(nil)
}
