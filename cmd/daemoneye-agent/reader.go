package main

import (
	"context"
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// whileRead returns a context that ends with ctx, and also when standard output has no
// reader any more: the other end of its pipe or socket is closed, or its terminal is
// gone. Then enough is true of its cause. stop has to be called; it returns when the
// goroutine that watches has ended.
//
// Without it a command that waits for something to print would stay for ever, because
// only a write fails without a reader.
func (o *output) whileRead(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	f, ok := o.w.(*os.File)
	if !ok {
		return ctx, func() { cancel(nil) }
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return ctx, func() { cancel(nil) }
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return ctx, func() { cancel(nil) }
	}
	watched := make(chan struct{})
	go func() { // stop waits for it
		defer close(watched)
		// The descriptor stays open as long as the function runs.
		_ = raw.Control(func(fd uintptr) {
			if hungUp(int(fd), wake) {
				cancel(&outputError{syscall.EPIPE})
			}
		})
	}()
	return ctx, func() {
		cancel(nil)
		_, _ = unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		<-watched
		unix.Close(wake)
	}
}

// hungUp returns true when the other end of fd is closed, and false when wake can be
// read before. A file has no other end.
func hungUp(fd, wake int) bool {
	fds := []unix.PollFd{{Fd: int32(fd)}, {Fd: int32(wake), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return false
		}
		if fds[1].Revents != 0 {
			return false
		}
		if fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
			return true
		}
		if fds[0].Revents&unix.POLLNVAL != 0 {
			return false // there is no standard output
		}
	}
}
