// Package stdout is the sink that writes to the agent's standard output: one item a line.
// Where that is a pipe or the journal of systemd, what has been written is with the reader
// or the kernel, and not durable.
package stdout

import (
	"context"
	"io"

	"github.com/daemoneye/eventbus/agent/output"
)

// Writer writes whole lines to a stream that may be full for as long as its reader wishes.
// There is one for a stream. Safe for concurrent use.
type Writer struct {
	w    io.Writer
	turn chan struct{} // capacity 1: held by who writes
	done chan result   // capacity 1: of the write that goes on

	writing bool   // guarded by turn; a write goes on
	rest    []byte // guarded by turn; what is left of a line whose beginning is written
}

type result struct {
	n   int
	err error
}

// NewWriter returns a Writer for w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: w, turn: make(chan struct{}, 1), done: make(chan result, 1)}
}

// line writes one line, after what is left of the one before. taken means that its
// beginning is written, so that its rest follows whatever becomes of ctx.
func (w *Writer) line(ctx context.Context, text []byte) (taken bool, err error) {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-w.turn }()
	if err := w.flush(ctx); err != nil || text == nil {
		return false, err
	}
	w.rest = text
	err = w.flush(ctx)
	if err != nil && !w.writing && len(w.rest) == len(text) {
		w.rest = nil // nothing of it is written: it is sent again as a whole
		return false, err
	}
	return true, err
}

// flush writes rest. When ctx ends a write may go on, because nothing can stop it; the next
// flush waits for it.
func (w *Writer) flush(ctx context.Context) error {
	for w.writing || len(w.rest) > 0 {
		if !w.writing {
			w.writing = true
			go func(b []byte) { // ends when the reader reads, or the process ends
				n, err := w.w.Write(b)
				w.done <- result{n, err}
			}(w.rest)
		}
		select {
		case r := <-w.done:
			w.writing, w.rest = false, w.rest[r.n:]
			if r.err != nil {
				return r.err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Sink writes lines. One goroutine at a time.
type Sink struct {
	w    *Writer
	line func(*output.Item) []byte
}

// New makes a Sink. line returns an item as one line, without its end.
func New(w *Writer, line func(*output.Item) []byte) *Sink { return &Sink{w, line} }

// Send implements output.Sink.
func (s *Sink) Send(ctx context.Context, items []output.Item) (taken int, err error) {
	for i := range items {
		text := append(append([]byte(nil), s.line(&items[i])...), '\n')
		if ok, err := s.w.line(ctx, text); !ok {
			return i, err
		} else if err != nil {
			return i + 1, err
		}
	}
	if len(items) == 0 {
		_, err = s.w.line(ctx, nil)
	}
	return len(items), err
}

// Close implements output.Sink. Standard output stays open.
func (s *Sink) Close() error { return nil }
