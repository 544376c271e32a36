package floor

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Sockets here are bare descriptors that block in the kernel, past Go's netpoller:
// the reader that is woken is the thread that waits.

func listen(path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 128)); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("floor: listen %s: %w", path, err)
	}
	return fd, nil
}

func dial(path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	widen(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("floor: dial %s: %w", path, err)
	}
	return fd, nil
}

func accept(listener int) (int, error) {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err == nil {
			widen(fd)
		}
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// read blocks; 0 is the end of the stream.
func read(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Read(fd, b)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

func readFull(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := read(fd, b)
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		b = b[n:]
	}
	return nil
}

// writeAll blocks until all of b is written.
func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		b = b[max(n, 0):]
	}
	return nil
}

// hangUpWith ends the stream of fd when ctx ends, which wakes a reader that blocks
// in it. The returned function lets go of ctx.
func hangUpWith(ctx context.Context, fd int) (release func() bool) {
	return context.AfterFunc(ctx, func() { _ = unix.Shutdown(fd, unix.SHUT_RDWR) })
}

// sendBuffer is what the sockets of the broker ask for. A floor with less of it
// would be beaten by the buffer.
const sendBuffer = 212992

func widen(fd int) { _ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer) }
