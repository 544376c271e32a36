package process

import (
	"context"
	"errors"
	"os"
)

const (
	batchBytes = 16 << 10 // some 200 reports
	batches    = 32
)

// batch is a buffer of messages of the connector, one behind the other. It
// belongs to the receiver or to the parser, and changes hands through the queue.
type batch struct {
	buf     []byte
	n       int  // bytes in use
	overrun bool // the kernel said that it dropped something
}

func newBatch() *batch { return &batch{buf: make([]byte, batchBytes)} }

func (b *batch) reset()        { b.n, b.overrun = 0, false }
func (b *batch) room() bool    { return len(b.buf)-b.n >= maxMessage }
func (b *batch) free() []byte  { return b.buf[b.n:] }
func (b *batch) bytes() []byte { return b.buf[:b.n] }

// queue lies between the receiver, which only empties the kernel's buffer, and
// the parser, which reads /proc. Its memory is there from the start. When the
// parser is behind by all of it the receiver waits, and what overruns is the
// kernel's buffer: all losses are in one place, and the kernel numbers them.
type queue struct {
	empty, full chan *batch
}

func newQueue() *queue {
	q := &queue{empty: make(chan *batch, batches), full: make(chan *batch, batches)}
	for range batches {
		q.empty <- newBatch()
	}
	return q
}

// receiveAll moves what arrives on c into the queue. It returns nil when ctx
// ends, and otherwise why it cannot go on.
func (q *queue) receiveAll(ctx context.Context, c *conn) error {
	stop := c.interruptible(ctx)
	defer stop()
	for {
		var b *batch
		select {
		case b = <-q.empty:
		case <-ctx.Done():
			return nil
		}
		err := c.receive(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		q.full <- b // never blocks: there are no more batches than it holds
	}
}
