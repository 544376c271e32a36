package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
)

// connection is a socket to a broker that has answered the hello.
type connection struct {
	fd      int
	welcome frame.Welcome
	offset  int64  // see frame.ClockOffset
	rest    []byte // what came behind the welcome
}

const (
	handshakeTimeout = 30 * time.Second       // unless the context ends earlier; the broker's default is the same
	connectCheck     = 100 * time.Millisecond // how often a connect that waits checks its context: soon for a person, seldom for the machine
)

// dial connects and makes the handshake.
func dial(ctx context.Context, o *Options) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	fd := o.FD
	if fd == 0 {
		var err error
		if fd, err = connect(ctx, o.Path); err != nil {
			return nil, unixsock.NewOpError("dial", o.Path, err)
		}
	} else if err := unix.SetNonblock(fd, false); err != nil {
		return nil, unixsock.NewOpError("dial", o.Path, os.NewSyscallError("fcntl", err))
	}
	unixsock.Widen(fd)
	s, err := handshakeUntil(ctx, fd, o)
	if err != nil {
		unix.Close(fd)
		return nil, unixsock.NewOpError("handshake", o.Path, err)
	}
	return s, nil
}

// connect makes a blocking socket, because a thread that sits in read(2) is woken a
// good third sooner than one that comes through Go's poller. A server whose backlog is
// full makes connect wait; ctx is checked now and then.
func connect(ctx context.Context, path string) (int, error) {
	if err := unixsock.CheckPath(path); err != nil {
		return -1, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err = unixsock.BoundSends(fd, connectCheck); err == nil { // it bounds connect as well
		err = connectTo(ctx, fd, path)
	}
	if err == nil {
		err = unixsock.BoundSends(fd, 0)
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

// handshakeUntil makes the handshake; the end of ctx hangs up.
func handshakeUntil(ctx context.Context, fd int, o *Options) (*connection, error) {
	hung := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { unixsock.HangUp(fd); close(hung) })
	s, err := handshake(fd, o)
	if !stop() {
		<-hung // before fd can mean another socket
		return nil, ctx.Err()
	}
	return s, err
}

// handshake sends hello and reads the welcome.
func handshake(fd int, o *Options) (*connection, error) {
	sent := frame.Now()
	h := frame.Hello{
		Name: o.Name, Role: o.Role, Version: frame.Version, BudgetNs: int64(o.LatencyBudget), ClockNs: sent,
		Features: frame.AllFeatures.Names(),
	}
	hello, err := appendHello(nil, &h)
	if err != nil {
		return nil, err
	}
	if _, err := unixsock.SendAll(fd, hello); err != nil && !errors.Is(err, unix.EPIPE) {
		return nil, os.NewSyscallError("send", err)
	} // a broker that refuses may have closed already: read why
	b := make([]byte, 0, 4096)
	for {
		n, err := unixsock.Recv(fd, b[len(b):cap(b)])
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
		w, err := parseAnswer(f)
		if err != nil {
			return nil, err
		}
		return &connection{fd: fd, welcome: w, offset: frame.ClockOffset(sent, frame.Now(), w.ClockNs), rest: b[len(f):]}, nil
	}
}

// parseAnswer reads the broker's answer to hello: a welcome, or why there is none.
func parseAnswer(f frame.Frame) (frame.Welcome, error) {
	switch f.Type() {
	case frame.TypeWelcome:
		return frame.ParseWelcome(f.Payload())
	case frame.TypeError:
		e, err := frame.ParseError(f.Payload())
		if err != nil {
			return frame.Welcome{}, err
		}
		return frame.Welcome{}, &e
	case frame.TypeGoodbye:
		g, err := frame.ParseGoodbye(f.Payload())
		if err != nil {
			return frame.Welcome{}, err
		}
		return frame.Welcome{}, &g
	}
	return frame.Welcome{}, fmt.Errorf("%w: %s instead of welcome", frame.ErrUnexpected, f.Type())
}

func appendHello(dst []byte, h *frame.Hello) ([]byte, error) {
	body, err := frame.AppendHello(nil, h)
	if err != nil {
		return dst, err
	}
	return append(frame.AppendControl(dst, frame.TypeHello, 0, frame.Now(), len(body)), body...), nil
}
