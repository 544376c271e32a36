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
	// Overrun says that the kernel dropped something before it.
	Overrun bool

	buf []byte
}

// Queue lies between the receiver and the parser. Its memory is there from the start. When
// the parser is behind by all of it the receiver waits, and what overflows is the kernel's
// queue: all losses are in one place, and the kernel announces them.
//
// One goroutine receives and another one parses.
type Queue struct{ empty, full chan *Batch }

// New makes a queue of n batches, each of one read of so many bytes.
func New(n, bytes int) *Queue {
	q := &Queue{make(chan *Batch, n), make(chan *Batch, n)}
	for range n {
		q.empty <- &Batch{buf: make([]byte, bytes)}
	}
	return q
}

// Full is where batches come out. Each goes back with Done.
func (q *Queue) Full() <-chan *Batch { return q.full }

// Done gives a batch back.
func (q *Queue) Done(b *Batch) {
	b.Bytes, b.Overrun = nil, false
	q.empty <- b // never blocks: there are no more batches than it holds
}

// Receive moves what can be read from f into the queue. It returns nil when ctx ends, and
// otherwise why it cannot go on. f has to be one that waits with a deadline.
func (q *Queue) Receive(ctx context.Context, f *os.File) error {
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) }) // it may be closed
	defer stop()
	for {
		var b *Batch
		select {
		case b = <-q.empty:
		case <-ctx.Done():
			return nil
		}
		n, err := f.Read(b.buf)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			b.Bytes, b.Overrun = b.buf[:0], true
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		default:
			b.Bytes = b.buf[:n]
		}
		q.full <- b // never blocks: there are no more batches than it holds
	}
}
