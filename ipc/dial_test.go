package ipc_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestDialErrors are those of a first connection: it is tried once.
func TestDialErrors(t *testing.T) {
	answer := func(b []byte) func(*testing.T) string {
		return func(t *testing.T) string {
			f := newFake(t)
			go func() { // ends with the listener's deadline
				if p := f.accept(); p != nil {
					p.send(b)
					p.conn.CloseWrite()
				}
			}()
			return f.path
		}
	}
	e := frame.Fault{Code: frame.CodeDenied, Fatal: true, Text: "not you"}
	for _, tc := range []struct {
		name, op string
		path     func(*testing.T) string
		want     error
	}{
		{"there was never a server", "dial", func(t *testing.T) string { return filepath.Join(t.TempDir(), "x.sock") }, os.ErrNotExist},
		{"the server has ended", "dial", func(t *testing.T) string {
			f := newFake(t)
			f.l.SetUnlinkOnClose(false)
			f.l.Close()
			return f.path
		}, unix.ECONNREFUSED},
		{"the broker hangs up", "handshake", answer(nil), io.ErrUnexpectedEOF},
		{"half a welcome", "handshake", answer(welcome(frame.Welcome{})[:60]), io.ErrUnexpectedEOF},
		{"something else", "handshake", answer([]byte("220 mail.example.org ESMTP\r\n")), frame.ErrVersion},
		{"a welcome of another version", "handshake", answer(altered(welcome(frame.Welcome{}), 4, 2)), frame.ErrVersion},
		{"a welcome that is no JSON", "handshake", answer(encode(frame.Fields{Type: frame.TypeWelcome, Payload: []byte("hi")})), frame.ErrBody},
		{"a welcome without end", "handshake", answer(altered(welcome(frame.Welcome{}), 0, 0, 0, 1, 0)), frame.ErrTooLarge},
		{"not a welcome", "handshake", answer(encode(frame.Fields{Type: frame.TypePing})), frame.ErrUnexpected},
		{"an error", "handshake", answer(encode(frame.Fields{Type: frame.TypeError, Payload: frame.AppendError(nil, e)})), router.ErrDenied},
		{"goodbye", "handshake", answer(encode(frame.Fields{Type: frame.TypeGoodbye, Payload: frame.AppendGoodbye(nil, frame.Fault{Code: frame.CodeShutdown})})), frame.ErrShutdown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			path := tc.path(t)
			_, err := ipc.Dial(t.Context(), path)
			var op *ipc.OpError
			if !errors.Is(err, tc.want) || !errors.As(err, &op) || op.Op != tc.op || op.Path != path {
				t.Errorf("%v, want %s: %v", err, tc.op, tc.want)
			}
		})
	}
}

func TestDialOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]ipc.ClientOptions{
		"Compress":       {Compress: frame.FlagRetain}, // two at once
		"LatencyBudget":  {LatencyBudget: -1},
		" LatencyBudget": {LatencyBudget: time.Second + 1},
	} {
		o.Path = "/nowhere"
		if _, err := ipc.DialOptions(t.Context(), o); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(name)) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestDialEndsWithItsContext has brokers that take a connection and send nothing, and one
// whose backlog is full.
func TestDialEndsWithItsContext(t *testing.T) {
	t.Run("waiting for welcome", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { // ends with the hello
			if p := f.accept(); p != nil {
				p.r.Next()
				cancel()
			}
		}()
		if _, err := ipc.Dial(ctx, f.path); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("waiting to be accepted", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "full.sock")
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
			t.Fatal(err)
		}
		first := (&server{path: path}).knock(t) // all that the backlog takes
		defer first.conn.Close()
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { // ends with ctx
			_, err := ipc.Dial(ctx, path)
			result <- err
		}()
		eventually(t, "a thread sits in connect", connecting)
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("ended before", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := ipc.Dial(ctx, newFake(t).path); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

// connecting reports whether a thread of this process waits in connect(2), or whether
// the kernel does not tell.
func connecting() bool {
	call := unix.SYS_CONNECT
	if runtime.GOARCH == "386" {
		call = 102 // socketcall(2), through which it connects there
	}
	calls, _ := filepath.Glob("/proc/self/task/*/syscall")
	reported := false
	for _, path := range calls {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		reported = true
		if n, _, _ := strings.Cut(string(b), " "); n == strconv.Itoa(call) {
			return true
		}
	}
	return !reported
}

// TestNothingWaitsWithoutReconnect publishes while a connection that is not made
// again has just ended: the error names nothing that is kept.
func TestNothingWaitsWithoutReconnect(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	reported := make(chan error, 1)
	var out router.Publisher
	ready := make(chan struct{})
	c, p := f.dial(frame.Welcome{}, ipc.ClientOptions{NoReconnect: true, OnState: func(error) {
		<-ready
		reported <- out.Publish(nil)
	}})
	out = publisher(t, c, "events.a")
	close(ready)
	p.conn.Close()
	if err := <-reported; err != ipc.ErrDisconnected {
		t.Error(err)
	}
}

// TestDialDescriptor uses a connection that another part of the process made.
func TestDialDescriptor(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: s.path}); err != nil {
		t.Fatal(err)
	}
	c := s.dial(t, ipc.ClientOptions{FD: fd})
	flush(t, c)
	if c.Source() != 1 || c.Welcome().MaxConnections != 64 {
		t.Errorf("source %d, %+v", c.Source(), c.Welcome())
	}
	s.stop(t)
	eventually(t, "the end of the client", func() bool { return errors.Is(c.Flush(t.Context()), router.ErrClosed) })
}

// TestBrokerMisbehaves has a broker that sends frames that no broker sends. The client
// ends the connection where it must, and skips what it may.
func TestBrokerMisbehaves(t *testing.T) {
	control := func(ty frame.Type, payload string) []byte {
		return encode(frame.Fields{Type: ty, Payload: []byte(payload)})
	}
	for _, tc := range []struct {
		name string
		send []byte
		want error
	}{
		{"random bytes", noise(1000), frame.ErrVersion},
		{"a frame above the limit", altered(message(1, "a", ""), 0, 255, 255, 255, 255), frame.ErrTooLarge},
		{"a stream that is none", control(frame.TypeStream, "x"), frame.ErrBody},
		{"a gap that is none", control(frame.TypeGap, "x"), frame.ErrBody},
		{"an error that is none", control(frame.TypeError, "x"), frame.ErrBody},
		{"a goodbye that is none", control(frame.TypeGoodbye, "x"), frame.ErrBody},
		{"goodbye", control(frame.TypeGoodbye, "\x28\x00why"), frame.ErrShutdown},
		{"half a frame", message(1, "events.a", "whole")[:45], io.EOF},
		{"silence", nil, frame.ErrHeartbeat},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			b := f.welcome(frame.Welcome{HeartbeatMs: 100})
			lost := make(chan error, 1)
			c, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: f.path, NoReconnect: true, OnState: func(err error) { lost <- err }})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			p := <-b
			p.send(
				altered(message(1, "events.a", "of a type that is unknown"), 5, 99), // skipped
				message(1, "events.a", "without a subscriber"),                      // skipped too
				control(frame.TypeWelcome, "{}"), control(frame.TypePong, ""), control(frame.TypeAck, ""),
				tc.send,
			)
			if tc.send != nil {
				p.conn.CloseWrite()
			}
			if err := <-lost; !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			// It is the end of the client: every call returns that.
			eventually(t, "closed", func() bool { return errors.Is(c.Flush(t.Context()), router.ErrClosed) })
			if _, err := c.Request(t.Context(), "a.b", nil); !errors.Is(err, router.ErrClosed) {
				t.Errorf("request: %v", err)
			}
			if _, err := c.Subscribe(t.Context(), router.Subscription{Patterns: []string{"a"}}); !errors.Is(err, router.ErrClosed) {
				t.Errorf("subscribe: %v", err)
			}
			if err := publisher(t, c, "a.b").Publish(nil); !errors.Is(err, router.ErrClosed) {
				t.Errorf("publish: %v", err)
			}
		})
	}
}
