// Package stdout is the sink that writes to the agent's standard output: one item a line.
// Where that is a pipe or the journal of systemd, what has been written is with the reader
// or the kernel, and not durable.
package stdout

import (
	"context"
	"io"

	"github.com/daemoneye/eventbus/agent/output"
)

// Sink writes lines. One goroutine at a time, and one Sink a process.
type Sink struct {
	w    io.Writer
	line func(*output.Item) []byte
	rest []byte // what is left of a line whose beginning is written
}

// New makes a Sink. line returns an item as one line, without its end.
func New(w io.Writer, line func(*output.Item) []byte) *Sink { return &Sink{w: w, line: line} }

// Send implements output.Sink. A full pipe makes it wait as long as the reader wishes,
// also behind the end of ctx: an output of its own is all that it holds up.
func (s *Sink) Send(ctx context.Context, items []output.Item) (taken int, err error) {
	for i := range items {
		if err := ctx.Err(); err != nil {
			return i, err
		}
		if err := s.flush(); err != nil {
			return i, err
		}
		s.rest = append(s.line(&items[i]), '\n')
		whole := len(s.rest)
		if err := s.flush(); err != nil {
			if len(s.rest) == whole {
				s.rest = nil // it is sent again as a whole
				return i, err
			}
			return i + 1, err // its rest goes first next time
		}
	}
	return len(items), s.flush()
}

func (s *Sink) flush() error {
	for len(s.rest) > 0 {
		n, err := s.w.Write(s.rest)
		s.rest = s.rest[n:]
		if err != nil {
			return err
		}
	}
	return nil
}

// Close implements output.Sink. Standard output stays open.
func (s *Sink) Close() error { return nil }
