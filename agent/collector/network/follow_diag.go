package network

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/adjust"
	"github.com/daemoneye/eventbus/agent/collector/receive"
	"github.com/daemoneye/eventbus/agent/event"
)

// looks is the source that looks at all sockets at an interval.
type looks struct {
	ends *os.File // of sockets, as the kernel sends them; nil where we may not have them
}

func openLooks(o *Options) (_ *looks, noEnds error) {
	ends, err := openEnds(o.ReceiveBuffer)
	if err != nil {
		return &looks{}, err
	}
	return &looks{ends}, nil
}

func (l *looks) close() {
	if l.ends != nil {
		l.ends.Close()
	}
}

// follow implements source. Two goroutines: one empties the kernel's buffer into a queue,
// this one does the rest.
func (l *looks) follow(ctx context.Context, t *tracker) error {
	if l.ends == nil {
		return t.followEnds(ctx, nil, nil)
	}
	ctx, cancel := context.WithCancel(ctx)
	q := receive.New(batches, batchBytes)
	failed := make(chan error, 1)
	var receiver sync.WaitGroup
	receiver.Go(func() { failed <- q.Receive(ctx, receive.File(l.ends)) }) // ended and awaited by the next line
	defer func() { cancel(); receiver.Wait() }()
	return t.followEnds(ctx, q, failed)
}

const (
	// batchBytes holds one message about the end of a socket, which comes alone and has
	// some 400 bytes.
	batchBytes = 2 << 10
	batches    = 256
)

// followEnds looks at all sockets at each interval, and takes the ends that come in between,
// until ctx ends. q is nil where there are none.
func (t *tracker) followEnds(ctx context.Context, q *receive.Queue, failed <-chan error) error {
	if err := t.look(everything, 0); err != nil {
		return err
	}
	t.open.Opened() // from here on a connection is new
	pace := adjust.NewPace(t.interval)
	defer pace.Stop()
	asked := t.queries.ready(ctx)
	expire := time.NewTicker(time.Second)
	defer expire.Stop()
	var full <-chan *receive.Batch
	waiting := func() int { return 0 }
	if q != nil {
		full, waiting = q.Full(), q.Waiting
	}
	take := func(b *receive.Batch) error {
		err := t.take(b.Bytes)
		lost := b.Overrun || errors.Is(err, errMessage)
		q.Done(b)
		if !lost {
			return err
		}
		t.emitter.Gap(event.Loss{Reason: "ends of sockets: the receive buffer overran"}, t.clock.Now())
		return t.look(everything, event.TimeApproximate)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case call := <-t.door.Calls():
			call(t)
			pace.Set(t.interval)
		case b := <-full:
			if err := take(b); err != nil {
				return err
			}
		case err := <-asked:
			if err := t.takeQueries(err); err != nil {
				return err
			}
		case <-expire.C:
			t.expireQueries()
		case <-t.meter.pace.C():
			t.sample()
		case <-pace.C():
			pace.Next()
			// What the kernel sent shows more than a look can.
			for n := waiting(); n > 0; n-- {
				if err := take(<-full); err != nil { // nobody else takes from it
					return err
				}
			}
			if err := t.look(everything, event.TimeApproximate); err != nil {
				return err
			}
		}
	}
}

// take takes messages about the ends of sockets into account.
func (t *tracker) take(b []byte) error {
	t.clock.Adjust()
	for len(b) > 0 {
		kind, _, body, rest, err := nextMessage(b)
		if err != nil {
			return err
		}
		b = rest
		if kind != unix.SOCK_DIAG_BY_FAMILY {
			continue
		}
		s, err := parseSocket(body)
		if err != nil {
			return err
		}
		if err := t.ended(&s); err != nil {
			return err
		}
	}
	return nil
}
