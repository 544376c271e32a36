package process

import (
	"context"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/connector"
	"github.com/daemoneye/eventbus/agent/collector/receive"
	"github.com/daemoneye/eventbus/agent/event"
)

const (
	batchBytes = 16 << 10 // some 200 reports
	batches    = 32

	// settle is the wait between a loss and the comparison with /proc that makes
	// up for it: the reports around a loss mostly come in one burst.
	settle = 100 * time.Millisecond
	// compareGap keeps a host that forks faster than we can follow from making
	// us read all of /proc again and again.
	compareGap = time.Second
)

// follow takes the reports of c until ctx ends. Two goroutines: one empties the
// kernel's buffer into a queue, this one parses, reads /proc and emits.
func (c connection) follow(ctx context.Context, t *tracker) error {
	ctx, cancel := context.WithCancel(ctx)
	q := receive.New(batches, batchBytes)
	failed := make(chan error, 1)
	var receiver sync.WaitGroup
	receiver.Go(func() { failed <- q.Receive(ctx, c.Conn) }) // ended and awaited by the next line
	defer func() { cancel(); receiver.Wait() }()

	// Reports are coming in already, so that nothing is missed between the
	// snapshot and the first of them.
	t.open.Opened()
	if err := t.compare(event.OpSnapshot, 0); err != nil {
		return err
	}
	return t.consume(ctx, q, failed, c.EmptyAt, c.Ahead())
}

// consume applies what is in the queue until ctx ends or the receiver does. emptyAt
// returns when nothing was on its way into the queue; ours is how far our clocks are ahead
// of those in the reports.
func (t *tracker) consume(ctx context.Context, q *receive.Queue, failed <-chan error, emptyAt func() (int64, bool), ours clock.Ahead) error {
	var (
		ahead    = connector.NewLookahead(t.reader)
		holds    bool // the timer runs
		holdsAt  = time.NewTimer(time.Hour)
		lost     connector.Losses
		overrun  bool
		pending  bool // a comparison is due when the timer fires
		last     time.Time
		resyncAt = time.NewTimer(time.Hour)
		doubtful bool // the timer runs
		doubtAt  = time.NewTimer(time.Hour)
	)
	holdsAt.Stop()
	resyncAt.Stop()
	doubtAt.Stop()
	take := func(b *receive.Batch) {
		addBatch(b.Bytes, ahead, &lost, ours)
		overrun = overrun || b.Overrun
		q.Done(b)
	}
	release := func() {
		t.clock.Adjust()
		known, ok := emptyAt()
		if !ok || q.Waiting() > 0 {
			known = 0
		}
		ahead.Release(known, t.apply)
		if !holds && ahead.Len() > 0 {
			holds = true
			holdsAt.Reset(connector.Lag)
		}
		if !doubtful && len(t.doubts) > 0 {
			doubtful = true
			doubtAt.Reset(doubtInterval)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case call := <-t.door.Calls():
			call(t)
		case <-holdsAt.C:
			holds = false
			release()
		case b := <-q.Full():
			take(b)
			release()
			if !pending && (overrun || lost.Lost > 0) {
				pending = true
				resyncAt.Reset(max(settle, compareGap-time.Since(last)))
			}
		case <-resyncAt.C:
			pending, last = false, time.Now()
			// What was reported shows more than the comparison can. It must not wait
			// for ever where reports come faster than they are applied.
			for n := q.Waiting(); n > 0; n-- {
				take(<-q.Full()) // nobody else takes from it
			}
			release()
			ahead.Flush(t.apply)
			if err := t.resync(&lost, overrun); err != nil {
				return err
			}
			overrun = false
		case <-doubtAt.C:
			if doubtful = t.settleDoubts(q.Waiting() == 0 && ahead.Len() == 0); doubtful {
				doubtAt.Reset(doubtInterval)
			}
		}
	}
}

// addBatch adds the reports of a batch, and counts those that are missing.
func addBatch(b []byte, ahead *connector.Lookahead, lost *connector.Losses, ours clock.Ahead) {
	for len(b) > 0 {
		var r connector.Message
		var err error
		if r, b, err = connector.Next(b); err != nil {
			lost.Add(1) // and whatever lay behind it, which its number will show
			return
		}
		lost.Note(r.CPU, r.Seq)
		r.TimeNs += ours.MonoNs
		ahead.Add(&r.Report)
	}
}

// gapUnit is what a gap counts. One event may be made of several reports, and some
// make none.
const gapUnit = "reports of the process connector"

// resync makes up for a loss of the connector's.
func (t *tracker) resync(lost *connector.Losses, overrun bool) error {
	reason := gapUnit + ": the kernel dropped them"
	if overrun {
		reason = gapUnit + ": the receive buffer overran"
	}
	return t.makeUp(event.Loss{Lost: lost.Take(), Total: lost.Total, Reason: reason})
}

// makeUp announces a loss, and finds out from /proc what it hid.
func (t *tracker) makeUp(l event.Loss) error {
	t.clock.Adjust()
	t.emitter.Gap(l, t.clock.Now())
	return t.compare(event.OpStart, event.Inferred|event.TimeApproximate)
}
