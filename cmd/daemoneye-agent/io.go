package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
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
