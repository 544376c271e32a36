package ipc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// session is one connection of a client, after its handshake.
type session struct {
	fd      int
	welcome frame.Welcome
	rest    []byte // what came with the welcome
}

const (
	handshakeTimeout = 30 * time.Second       // where the context bounds it no closer
	connectLook      = 100 * time.Millisecond // how often a connect that waits looks at its context
)

// dial connects and shakes hands.
func dial(ctx context.Context, o *ClientOptions) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	fd := o.FD
	if fd == 0 {
		var err error
		if fd, err = connect(ctx, o.Path); err != nil {
			return nil, opError("dial", o.Path, err)
		}
	} else if err := unix.SetNonblock(fd, false); err != nil {
		return nil, opError("dial", o.Path, os.NewSyscallError("fcntl", err))
	}
	widen(fd)
	s, err := shake(ctx, fd, o)
	if err != nil {
		unix.Close(fd)
		return nil, opError("handshake", o.Path, err)
	}
	return s, nil
}

// connect makes a blocking socket: a thread that sits in read(2) is woken a
// good third sooner than one that comes through Go's poller. A server whose
// backlog is full makes connect wait; ctx is looked at now and then.
func connect(ctx context.Context, path string) (int, error) {
	if err := checkPath(path); err != nil {
		return -1, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err = boundSends(fd, connectLook); err == nil { // bounds connect as well
		err = connectTo(ctx, fd, path)
	}
	if err == nil {
		err = boundSends(fd, 0)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func connectTo(ctx context.Context, fd int, path string) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		if err != unix.EINTR && err != unix.EAGAIN {
			return os.NewSyscallError("connect", err)
		}
	}
}

// shake says hello and reads the welcome, until ctx hangs up.
func shake(ctx context.Context, fd int, o *ClientOptions) (*session, error) {
	hung := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { hangUp(fd); close(hung) })
	s, err := greet(fd, o)
	if !stop() {
		<-hung // before fd can mean another socket
		return nil, ctx.Err()
	}
	return s, err
}

func greet(fd int, o *ClientOptions) (*session, error) {
	h := frame.Hello{Name: o.Name, Role: o.Role, Version: frame.Version, BudgetNs: int64(o.LatencyBudget)}
	for _, f := range compressions {
		h.Features = append(h.Features, f.name)
	}
	hello, err := appendHello(nil, &h)
	if err != nil {
		return nil, err
	}
	if _, err := sendAll(fd, hello); err != nil && !errors.Is(err, unix.EPIPE) {
		return nil, os.NewSyscallError("send", err)
	} // a broker that refuses may have closed already: read why
	b := make([]byte, 0, 4096)
	for {
		n, err := recv(fd, b[len(b):cap(b)])
		if err != nil {
			return nil, os.NewSyscallError("recv", err)
		}
		if n == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		b = b[:len(b)+n]
		f, err := frame.Next(b, frame.HeaderSize+frame.MaxHandshake)
		if errors.Is(err, frame.ErrIncomplete) {
			if len(b) == cap(b) {
				b = append(make([]byte, 0, 2*cap(b)), b...)
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		w, err := welcomed(f)
		if err != nil {
			return nil, err
		}
		return &session{fd: fd, welcome: w, rest: b[len(f):]}, nil
	}
}

func welcomed(f frame.Frame) (frame.Welcome, error) {
	switch f.Type() {
	case frame.TypeWelcome:
		return frame.ParseWelcome(f.Payload())
	case frame.TypeError:
		e, err := frame.ParseError(f.Payload())
		if err != nil {
			return frame.Welcome{}, err
		}
		return frame.Welcome{}, &PeerError{e.Code, e.Text}
	case frame.TypeGoodbye:
		g, err := frame.ParseGoodbye(f.Payload())
		if err != nil {
			return frame.Welcome{}, err
		}
		return frame.Welcome{}, &PeerError{g.Code, g.Text}
	}
	return frame.Welcome{}, fmt.Errorf("%w: %s instead of welcome", frame.ErrUnexpected, f.Type())
}

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
	c.calls.Close(nil)
	c.out.ahead(b)
	c.out.connect(s.fd)
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
