package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Output is standard output. It remembers the first write that failed, so that
// commands need not check each write: exit does it for all.
//
// One goroutine at a time.
type Output struct {
	w   io.Writer
	err error
}

// NewOutput makes an Output that goes to w.
func NewOutput(w io.Writer) *Output { return &Output{w: w} }

// outputError is a failed write to standard output, as opposed to one to the
// agent's socket.
type outputError struct{ err error }

func (e *outputError) Error() string { return "standard output: " + e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// Write implements io.Writer.
func (o *Output) Write(b []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(b)
	if err != nil {
		o.err = &outputError{err}
	}
	return n, o.err
}

// Width returns how many characters a line of the terminal has that standard output
// is, 0 where it is none.
func (o *Output) Width() int {
	f, ok := o.w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	switch {
	case err != nil:
		return 0
	case size.Col == 0:
		return Width // a terminal that does not know its size
	}
	return int(size.Col)
}

// Coloured reports whether standard output takes colours: a terminal that can, and a
// user who did not decline, see no-color.org.
func (o *Output) Coloured() bool {
	return o.Width() > 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// Enough reports whether err means that the reader of our output has ended, as head
// does.
func Enough(err error) bool {
	var out *outputError
	return errors.As(err, &out) && errors.Is(err, unix.EPIPE)
}

// WhileRead returns a context that ends with ctx, and also when standard output has no
// reader any more: the other end of its pipe or socket is closed, or its terminal is
// gone. Then enough is true of its cause. stop has to be called; it returns when the
// goroutine that watches has ended.
//
// Without it a command that waits for something to print would stay for ever, because
// only a write fails without a reader.
func (o *Output) WhileRead(ctx context.Context) (_ context.Context, stop func()) {
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

// Width is what a terminal has at least.
const Width = 80
