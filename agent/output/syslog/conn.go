package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/output/secret"
)

// conn is one connection to a receiver.
type conn struct {
	net.Conn
	raw    syscall.Conn // of the socket beneath TLS
	stream bool
	local  bool // a Unix socket
	limit  int  // bytes of a message, 0 for none

	reading sync.WaitGroup
	broken  chan<- struct{}

	mu     sync.Mutex
	end    error    // guarded by mu; why the receiver takes nothing more, nil while it may
	reset  bool     // guarded by mu; it ended with bytes unread
	closed bool     // guarded by mu; by us
	unread []string // guarded by mu; the last messages, if there is a stream
	size   int      // guarded by mu; of unread
}

var (
	errEnded = errors.New("the receiver has closed the connection")
	errReset = errors.New("the receiver has reset the connection")
)

func dial(ctx context.Context, network, address string, t *secret.TLS, broken chan<- struct{}) (*conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: nc, raw: nc.(syscall.Conn), stream: network == "tcp" || network == "unix", local: network == "unix", broken: broken}
	switch {
	case network == "udp":
		c.limit = maxDatagram
	case t != nil:
		config, err := t.Config()
		if err != nil {
			return nil, errors.Join(err, nc.Close())
		}
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(address) // dialling took it
		}
		tc := tls.Client(nc, config)
		if err := tc.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, nc.Close())
		}
		c.Conn = tc
	}
	if c.stream {
		c.reading.Go(c.read) // close waits for it
	}
	return c, nil
}

// read notices the end of a stream. A receiver sends nothing otherwise.
func (c *conn) read() {
	_, err := io.Copy(io.Discard, c.Conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end = errEnded; err != nil {
		c.end = err
	}
	c.reset = err != nil && !c.closed // without close_notify TLS counts as that too
	c.announceLocked()
}

// announceLocked reports that there is something to send again.
func (c *conn) announceLocked() {
	if c.reset && len(c.unread) > 0 {
		select {
		case c.broken <- struct{}{}:
		default:
		}
	}
}

// ended returns why the connection takes nothing more, nil while it may.
func (c *conn) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}

// write writes one message: with its length in front in a stream.
func (c *conn) write(ctx context.Context, text string) error {
	stop := context.AfterFunc(ctx, func() { _ = c.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	if !c.stream {
		_, err := io.WriteString(c.Conn, text)
		return cause(ctx, err)
	}
	if err := c.ended(); err != nil {
		return err
	}
	_, err := io.WriteString(c.Conn, strconv.Itoa(len(text))+" "+text)
	return cause(ctx, err)
}

// cause returns ctx's error where that is why err came.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// keep remembers messages for the case that the connection breaks.
func (c *conn) keep(texts []string) {
	if !c.stream {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, text := range texts {
		c.unread, c.size = append(c.unread, text), c.size+len(text)
	}
	for c.size > maxUnread && len(c.unread) > 1 {
		c.size -= len(c.unread[0])
		c.unread = c.unread[1:]
	}
	c.announceLocked()
}

// settle waits until the kernel of the receiver has acknowledged all bytes. The kernel here
// reports that only to who asks again, so it asks at growing intervals. A receiver that has
// closed in an orderly way afterwards has them too; one that resets does not.
func (c *conn) settle(ctx context.Context) error {
	if !c.stream {
		return nil
	}
	for d := 100 * time.Microsecond; ; d = min(2*d, 50*time.Millisecond) {
		queued, reset, err := c.state()
		switch {
		case err != nil:
			return err
		case reset:
			return errReset
		case queued == 0:
			return nil
		}
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// state returns how many bytes the socket holds that the receiver's kernel has not
// acknowledged, and then whether the connection was reset.
func (c *conn) state() (queued int, reset bool, err error) {
	raw, err := c.raw.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	cerr := raw.Control(func(fd uintptr) {
		if queued, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err != nil {
			return
		}
		p := []unix.PollFd{{Fd: int32(fd)}} // errors are always reported
		if _, err = unix.Poll(p, 0); errors.Is(err, unix.EINTR) {
			queued, err = max(queued, 1), nil // it asks again
		}
		reset = p[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
	})
	if reset && c.local { // a peer that has read all hangs up too: the reader knows
		c.reading.Wait()
		c.mu.Lock()
		reset = c.reset
		c.mu.Unlock()
	}
	return queued, reset, errors.Join(cerr, err)
}

// close ends the connection, and returns the messages that the receiver may not have read:
// none, where it closed in an orderly way, because then it has read all before.
func (c *conn) close() (unread []string) {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	_ = c.Conn.Close() // what was not written counts as not taken
	c.reading.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reset {
		return c.unread
	}
	return nil
}
