package filesystem

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/receive"
)

const (
	// batchBytes holds some 30 records. Each may come with a descriptor, so that what is
	// in the queue takes some hundreds at most.
	batchBytes = 4 << 10
	batches    = 8

	// settleInterval is how often what waits is looked at.
	settleInterval = 50 * time.Millisecond
	// resyncAfter is the wait between a loss and the look at all trees that makes up for
	// it: what overflowed a queue mostly goes on for a moment.
	resyncAfter = 200 * time.Millisecond
)

// overflowed is the reason of the gap.
const overflowed = "records: the kernel's queue overflowed"

// follow takes the changes of the source until ctx ends. Two goroutines: one empties the
// kernel's queue, this one parses, looks and emits.
func (t *tracker) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	q := receive.New(batches, batchBytes)
	failed := make(chan error, 1)
	var receiver sync.WaitGroup
	receiver.Go(func() { failed <- t.source.receive(ctx, q) }) // ended and awaited by the next line
	defer func() { cancel(); receiver.Wait(); t.drop(q) }()

	// Records are coming in already, so that nothing is missed between the look and the
	// first of them.
	t.clock.Adjust()
	t.fill(ctx)
	debug.FreeOSMemory() // a look at many files leaves much garbage, and may be the only one
	return t.consume(ctx, q, failed)
}

// drop lets go what came and was not parsed: descriptors of processes are in it.
func (t *tracker) drop(q *receive.Queue) {
	for {
		select {
		case b := <-q.Full():
			_, _ = t.source.parse(b.Bytes, func(*change) {})
		default:
			return
		}
	}
}

// consume applies what is in the queue until ctx ends or the receiver does.
func (t *tracker) consume(ctx context.Context, q *receive.Queue, failed <-chan error) error {
	settleAt, resyncAt := time.NewTimer(time.Hour), time.NewTimer(time.Hour)
	defer settleAt.Stop()
	defer resyncAt.Stop()
	settleAt.Stop()
	resyncAt.Stop()
	settling, pending := false, false
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case call := <-t.door.Calls():
			t.clock.Adjust()
			call(t)
		case b := <-q.Full():
			t.clock.Adjust()
			overflow, err := t.source.parse(b.Bytes, t.apply)
			q.Done(b)
			if (overflow || err != nil) && !pending {
				pending = true
				resyncAt.Reset(resyncAfter)
			}
			if !settling {
				settling = true
				settleAt.Reset(settleInterval)
			}
		case <-settleAt.C:
			if settling = t.settle(); settling {
				settleAt.Reset(settleInterval)
			}
		case <-resyncAt.C:
			pending = false
			t.resync(overflowed)

		}
	}
}
