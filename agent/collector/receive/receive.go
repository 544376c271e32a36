// Package receive empties what the kernel keeps for us, and does nothing else: what it
// reads is parsed by another goroutine, so that the kernel's own queue has to bridge no
// work.
package receive

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Batch is what one read gave. It belongs to the receiver or to the parser, and changes
// hands through the queue.
type Batch struct {
	// Bytes are what was read.
	Bytes []byte
	// Overrun means that the kernel dropped something before it.
	Overrun bool

	buf []byte
}

// Source is what batches are filled from.
type Source interface {
	// Fill waits until there is something, and puts it into b, which belongs to the caller.
	// overrun means that the kernel dropped something before it; there may be nothing then.
	Fill(b []byte) (n int, overrun bool, err error)
	// SetReadDeadline makes Fill return an error from then on.
	SetReadDeadline(time.Time) error
}

// File makes a Source of a file that waits with a deadline: a batch is one read of it.
func File(f *os.File) Source { return file{f} }

type file struct{ *os.File }

func (f file) Fill(b []byte) (n int, overrun bool, err error) {
	n, err = f.Read(b)
	if errors.Is(err, unix.ENOBUFS) {
		return 0, true, nil
	}
	return max(n, 0), false, err
}

// Queue lies between the receiver and the parser. Its memory is there from the start. When
// the parser is behind by all of it the receiver waits, and what overflows is the kernel's
// queue: all losses are in one place, and the kernel announces them.
//
// One goroutine receives and another one parses.
type Queue struct{ empty, full chan *Batch }

// New makes a queue of n batches of so many bytes each.
func New(n, bytes int) *Queue {
	q := &Queue{make(chan *Batch, n), make(chan *Batch, n)}
	for range n {
		q.empty <- &Batch{buf: make([]byte, bytes)}
	}
	return q
}

// Full is where batches come out. Each goes back with Done.
func (q *Queue) Full() <-chan *Batch { return q.full }

// Waiting returns how many batches have not been taken out.
func (q *Queue) Waiting() int { return len(q.full) }

// Done gives a batch back.
func (q *Queue) Done(b *Batch) {
	b.Bytes, b.Overrun = nil, false
	q.empty <- b // never blocks: there are no more batches than it holds
}

// Receive moves what s has into the queue. It returns nil when ctx ends, and otherwise why
// it cannot go on.
func (q *Queue) Receive(ctx context.Context, s Source) error {
	stop := context.AfterFunc(ctx, func() { _ = s.SetReadDeadline(time.Unix(1, 0)) }) // it may be closed
	defer stop()
	for {
		var b *Batch
		select {
		case b = <-q.empty:
		case <-ctx.Done():
			return nil
		}
		n, overrun, err := s.Fill(b.buf)
		if err != nil && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		b.Bytes, b.Overrun = b.buf[:n], overrun
		q.full <- b // never blocks: there are no more batches than it holds
	}
}
