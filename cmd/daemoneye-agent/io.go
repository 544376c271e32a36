package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
)

// output is standard output. It remembers the first write that failed, so that
// commands need not check each write: exit does it for all.
//
// One goroutine at a time.
type output struct {
	w   io.Writer
	err error
}

// outputError is a failed write to standard output, as opposed to one to the
// agent's socket.
type outputError struct{ err error }

func (e *outputError) Error() string { return "standard output: " + e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(b)
	if err != nil {
		o.err = &outputError{err}
	}
	return n, o.err
}

// width returns how many characters a line of the terminal has that standard output
// is, 0 where it is none.
func (o *output) width() int {
	f, ok := o.w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	switch {
	case err != nil:
		return 0
	case size.Col == 0:
		return width // a terminal that does not know its size
	}
	return int(size.Col)
}

// json prints v over several lines, and escapes what a terminal would obey or hide.
func (p *program) json(v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = p.out.Write(append(display.AppendJSON(nil, b), '\n'))
	return err
}

// line prints one line. On a terminal that is too narrow it goes on below itself, with
// the same indent.
func (p *program) line(format string, args ...any) {
	text := display.Clean(fmt.Sprintf(format, args...))
	width := p.out.width()
	if width == 0 || utf8.RuneCountInString(text) <= width {
		fmt.Fprintln(p.out, text)
		return
	}
	rest := strings.TrimLeft(text, " ")
	indent := text[:len(text)-len(rest)]
	for _, l := range display.Wrap(rest, width-len(indent), 0) {
		fmt.Fprintln(p.out, indent+l)
	}
}

// coloured reports whether standard output takes colours: a terminal that can, and a
// user who did not decline, see no-color.org.
func (o *output) coloured() bool {
	return o.width() > 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// enough reports whether err means that the reader of our output has ended, as head
// does.
func enough(err error) bool {
	var out *outputError
	return errors.As(err, &out) && errors.Is(err, unix.EPIPE)
}

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

// readAll reads standard input to its end, or until ctx ends. In that case the goroutine
// that reads stays until the process ends, because nothing else ends a read from a
// terminal. More than limit bytes are an error.
func (p *program) readAll(ctx context.Context, limit int) ([]byte, error) {
	type result struct {
		b   []byte
		err error
	}
	read := make(chan result, 1)
	go func() {
		b, err := io.ReadAll(io.LimitReader(p.in, int64(limit)+1))
		if err == nil && len(b) > limit {
			err = fmt.Errorf("standard input has more than %d bytes, the agent's --max-message-size", limit)
		}
		read <- result{b, err}
	}()
	select {
	case r := <-read:
		return r.b, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// bytesText writes n bytes in the largest unit that fits.
func bytesText[T ~int | ~int64 | ~uint64](n T) string {
	switch f := float64(n); {
	case f >= 1<<30:
		return fmt.Sprintf("%.1f GiB", f/(1<<30))
	case f >= 1<<20:
		return fmt.Sprintf("%.1f MiB", f/(1<<20))
	case f >= 1<<10:
		return fmt.Sprintf("%.1f KiB", f/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

func oneLine(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", " ") }
