package metrics

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Listen binds an address as the configuration has it: HOST:PORT on the loopback
// interface, or unix:PATH. A Unix socket that an agent left behind is replaced; one that
// an agent serves is an error. The socket is its user's only.
func Listen(address string) (net.Listener, error) {
	path, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		return listenLoopback(address)
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	l, err := listenUnix(path, lock)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("metrics: listen %s: %w", address, err), lock.Close())
	}
	return &lockedListener{l, lock}, nil
}

// listenLoopback binds an address that only this host can reach.
func listenLoopback(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("metrics: %s is not on the loopback interface", address)
	}
	return net.Listen("tcp", address)
}

// listenUnix binds path. Whoever has the lock may replace the socket.
func listenUnix(path string, lock *os.File) (net.Listener, error) {
	err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.New("another agent serves it")
	} else if err != nil {
		return nil, os.NewSyscallError("flock", err)
	}
	switch st, err := os.Lstat(path); {
	case err == nil && st.Mode().Type() != fs.ModeSocket:
		return nil, errors.New("it exists and is not a socket")
	case err == nil:
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// lockedListener holds the lock of its socket until it is closed.
type lockedListener struct {
	net.Listener
	lock *os.File
}

// Close implements net.Listener. It removes the socket.
func (l *lockedListener) Close() error { return errors.Join(l.Listener.Close(), l.lock.Close()) }

// limitedListener accepts at most as many connections at a time as slots has room.
type limitedListener struct {
	net.Listener
	slots chan struct{}
}

// Accept implements net.Listener. One connection too many is closed at once, so that
// the next one need not wait.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.slots <- struct{}{}:
			return &limitedConn{Conn: c, slots: l.slots}, nil
		default:
			_ = c.Close() // its peer gets nothing, whatever Close returns
		}
	}
}

type limitedConn struct {
	net.Conn
	slots chan struct{}
}

// Close implements net.Conn. The first one gives the place back.
func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	if !errors.Is(err, net.ErrClosed) {
		<-c.slots
	}
	return err
}
