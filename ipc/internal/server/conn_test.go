package server

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/bus"
)

// patience is how long a test waits for what must happen: never a measure.
const patience = 20 * time.Second

// newTestServer returns a server whose loop does not run.
func newTestServer(t *testing.T) *Server {
	t.Helper()
	b, err := broker.New(broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := unixsock.Listen(t.TempDir() + "/run/bus.sock")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(b, l, Options{Limits: Limits{MaxConnections: 1, ConnectionTimeout: time.Minute, Heartbeat: time.Minute}, Policy: policy.SameUser{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// newTestConn returns a connection in that state, and the client's end of it.
func newTestConn(t *testing.T, st state) (*conn, *os.File) {
	t.Helper()
	s := newTestServer(t)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	client := os.NewFile(uintptr(fds[1]), "client")
	t.Cleanup(func() { client.Close() })
	s.admit(fds[0])
	c := s.connOf(fds[0])
	if st != accepted {
		c.session = s.b.Attach(bus.Identity{}, c, nil, 0)
	}
	c.state, c.heartbeat = st, s.o.Heartbeat
	return c, client
}

// TestStatesOfAConnection holds which state each event leads to, from each state in
// which it can come.
func TestStatesOfAConnection(t *testing.T) {
	t.Parallel()
	goodbye := frame.AppendGoodbyeFrame(nil, 0, frame.Fault{})
	for _, tc := range []struct {
		event string
		do    func(*conn)
		from  []state
		to    state
	}{
		{"the client drains", func(c *conn) { c.beginDrain(goodbye) }, []state{accepted, ready, draining}, draining},
		{"the client drains", func(c *conn) { c.beginDrain(goodbye) }, []state{lastWrites}, lastWrites},
		{"the client drains", func(c *conn) { c.beginDrain(goodbye) }, []state{writeClosed, closing}, closing},
		{"all is written", func(c *conn) { c.flush() }, []state{accepted, ready}, ready},
		{"all is written", func(c *conn) { c.farewell = goodbye; c.flush() }, []state{draining, lastWrites}, closing},
		{"all is written", func(c *conn) { c.flush() }, []state{writeClosed}, writeClosed},
		{"the client has gone", func(c *conn) { c.writeFailed(unix.EPIPE) }, []state{accepted, draining, lastWrites}, closing},
		{"the client has gone", func(c *conn) { c.writeFailed(unix.EPIPE) }, []state{ready}, writeClosed},
		{"a write fails", func(c *conn) { c.writeFailed(unix.EIO) }, []state{accepted, ready, draining, lastWrites}, closing},
		{"a queue is full", func(c *conn) { c.Disconnect(frame.CodeSlow, "") }, []state{ready, draining, lastWrites, closing}, closing},
		{"a queue is full", func(c *conn) { c.Disconnect(frame.CodeSlow, "") }, []state{writeClosed}, writeClosed},
		{"a frame is at fault", func(c *conn) { c.refuse(1, frame.ErrBody, true) }, []state{accepted, ready, writeClosed}, closing},
		{"the socket hangs up", func(c *conn) { c.event(unix.EPOLLHUP) }, []state{draining, lastWrites}, closing},
	} {
		for _, from := range tc.from {
			to := tc.to
			if from == accepted && to == ready {
				to = accepted // which becomes ready by its hello only
			}
			c, _ := newTestConn(t, from)
			if tc.do(c); c.state != to {
				t.Errorf("%s in state %d: state %d, want %d", tc.event, from, c.state, to)
			}
			if got := len(c.s.closing); (c.state == closing && from != closing) != (got == 1) {
				t.Errorf("%s in state %d: %d connections to close", tc.event, from, got)
			}
		}
	}
}

// TestDisconnectWritesOneGoodbye holds that a client reads the goodbye and then the
// end, however often it is disconnected.
func TestDisconnectWritesOneGoodbye(t *testing.T) {
	t.Parallel()
	c, client := newTestConn(t, ready)
	c.Disconnect(frame.CodeSlow, "one")
	c.Disconnect(frame.CodeSlow, "two")
	c.s.closeConns()
	if c.state != ended || c.s.count != 0 || c.s.connOf(c.fd) != nil {
		t.Errorf("state %d, %d connections", c.state, c.s.count)
	}
	r := frame.NewReader(client, 0)
	f, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if g, err := frame.ParseGoodbye(f.Payload()); err != nil || g.Text != "one" {
		t.Errorf("%+v, %v", g, err)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the end", err)
	}
}

// TestHolds holds when epoll watches for what a client sends.
func TestHolds(t *testing.T) {
	t.Parallel()
	c, _ := newTestConn(t, ready)
	reads := func(when string, want bool) {
		t.Helper()
		if got := c.watched&readable != 0; got != want {
			t.Errorf("%s: epoll watches %v, want %v", when, got, want)
		}
	}
	c.setHold(holdWork)
	reads("more than a turn's work", true)
	c.setHold(holdRate)
	c.setHold(holdReplies)
	reads("too fast, and replies not taken", false)
	c.clearHold(holdRate, 1)
	reads("replies not taken", false)
	c.hungUp = true
	c.watch()
	reads("the client is gone", true)
	c.hungUp = false
	c.clearHold(holdReplies, 2)
	reads("only more than a turn's work", true)
	if c.lastRead != 2 {
		t.Errorf("the silence is counted from %d, want from the end of the hold", c.lastRead)
	}
	c.beginDrain(nil)
	reads("draining", false)
}
