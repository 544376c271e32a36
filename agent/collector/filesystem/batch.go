package filesystem

import (
	"context"
	"errors"
	"os"
	"time"
)

const (
	// batchBytes holds some 30 records. Each may come with a descriptor, so that what is
	// in the queue takes some hundreds at most.
	batchBytes = 4 << 10
	batches    = 8
)

// batch is what one read of the kernel's queue gave. It belongs to the receiver or to
// the parser, and changes hands through the queue.
type batch struct {
	buf [batchBytes]byte
	n   int
}

// queue lies between the receiver, which only empties the kernel's queue, and the
// parser. Its memory is there from the start. When the parser is behind by all of it the
// receiver waits, and what overflows is the kernel's queue, which says so.
type queue struct{ empty, full chan *batch }

func newQueue() *queue {
	q := &queue{make(chan *batch, batches), make(chan *batch, batches)}
	for range batches {
		q.empty <- new(batch)
	}
	return q
}

// receive moves what can be read from f into the queue. It returns nil when ctx ends, and
// otherwise why it cannot go on.
func (q *queue) receive(ctx context.Context, f *os.File) error {
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) }) // it may be closed
	defer stop()
	for {
		var b *batch
		select {
		case b = <-q.empty:
		case <-ctx.Done():
			return nil
		}
		n, err := f.Read(b.buf[:])
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
				return nil
			}
			return err
		}
		b.n = n
		q.full <- b // never blocks: there are no more batches than it holds
	}
}
