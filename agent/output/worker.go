package output

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// probeAfter is after how many failures in a row a worker tries with one item.
	probeAfter = 5
	// maxRefusals is how often one item is sent that the receiver refuses.
	maxRefusals = 5
	// maxDelay bounds what a receiver can ask for.
	maxDelay = time.Hour
	// stopGrace is how long a call of Send may go on after the end of its worker.
	stopGrace = 2 * time.Second
	// saveEvery is after how many records the cursor is saved at the latest. It is saved
	// as well whenever there is nothing to send.
	saveEvery = 1000
	// sourceWait is the wait after the journal could not be read.
	sourceWait = time.Second
	// maxEarly bounds what is remembered of what was sent before the cursor was known.
	maxEarly = 10_000
)

// worker sends what one Spec wants, from its cursor on. A changed Spec has a new worker,
// which begins when the one before has ended.
type worker struct {
	spec   Spec
	topics topics
	source Source
	feed   *feed
	log    *slog.Logger
	life   string
	status *status // of the output, which outlives the worker
	tests  chan chan error
	sink   Sink
	more   chan struct{}   // the source has lines behind the cursor
	broken <-chan struct{} // of a Resender, else nil

	// owned by run
	read     uint64 // last line of the journal that was looked at
	saved    uint64 // cursor as it was saved last
	backoff  *backoff.ExponentialBackOff
	failures int // in a row
	// unread means that read is no cursor: it goes on above what was there before the start,
	// see begin. early are the IDs that were sent meanwhile.
	unread bool
	early  map[string]bool
}

// run sends until ctx ends. What is being sent then has a short time to be taken.
func (w *worker) run(ctx context.Context) {
	sink, err := w.newSink()
	for err != nil {
		w.status.failed(err)
		select {
		case t := <-w.tests:
			t <- err
		case <-time.After(w.spec.RetryMax):
			sink, err = w.newSink() // what it reads may be there now
		case <-ctx.Done():
			return
		}
	}
	w.sink = newBounded(sink, w.spec.Mask)
	if r, ok := sink.(Resender); ok {
		w.broken = r.Broken()
	}
	w.backoff = backoff.NewExponentialBackOff()
	w.backoff.InitialInterval, w.backoff.MaxInterval, w.backoff.Multiplier = w.spec.RetryMin, w.spec.RetryMax, 2
	w.backoff.Reset()
	sends, stopSends := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSends()
	release := context.AfterFunc(ctx, func() { time.AfterFunc(stopGrace, stopSends) })
	defer release()
	watched := make(chan struct{})
	watch, stopWatch := context.WithCancel(ctx)
	go func() { // ends before run returns
		defer close(watched)
		if w.topics.anAlert {
			w.watch(watch)
		}
	}()
	w.loop(ctx, sends)
	stopWatch()
	<-watched
	if err := w.sink.Close(); err != nil {
		w.log.Warn("output not closed", "output", w.spec.Name, "err", err)
	}
}

func (w *worker) newSink() (Sink, error) {
	s, err := w.spec.New()
	return s, masked(err, w.spec.Mask)
}

func (w *worker) loop(ctx, sends context.Context) {
	for {
		err := w.begin()
		if err == nil {
			break
		}
		if !w.pause(ctx, sends, &sourceError{fmt.Errorf("cursor: %w", err)}) {
			return
		}
	}
	for ctx.Err() == nil {
		alerts, err := w.sendAlerts(ctx, sends)
		if err == nil {
			var messages bool
			messages, err = w.sendMessages(ctx, sends)
			if err == nil && !alerts && !messages {
				w.idle(ctx, sends)
			}
		}
		var failed *sourceError
		if errors.As(err, &failed) && !w.pause(ctx, sends, failed) {
			return
		}
	}
	w.save()
	if w.failures == 0 {
		_, _ = w.sendMessages(sends, sends) // what waits in memory would be lost
	}
}

// begin takes the cursor. It is saved at once, because a new output begins where the journal
// ends now, also if it can send nothing before the next start of the agent.
//
// While the journal is unread, the cursor stays as it is on the disk, and what is raised
// meanwhile is sent. When the journal can be read, the output goes on at its cursor: what it
// had not sent before the start follows then, and what was sent meanwhile is left out.
func (w *worker) begin() error {
	if !w.topics.anAlert {
		return nil
	}
	at, err := w.source.Cursor(w.spec.Name)
	switch {
	case errors.Is(err, ErrUnread) && w.unread:
		return nil
	case errors.Is(err, ErrUnread):
		w.unread, w.early = true, map[string]bool{}
		w.log.Warn("an output cannot go on where it was", "output", w.spec.Name, "err", err)
	case err != nil:
		return err
	default:
		w.unread, w.saved = false, at
		err = w.source.SetCursor(w.spec.Name, at)
	}
	w.read = at
	w.status.at(at)
	w.status.unread(w.unread)
	if w.unread {
		return nil
	}
	return err
}

// sourceError means that the journal cannot be read or written.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return "journal: " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// pause waits after an error of the journal, false where ctx has ended.
func (w *worker) pause(ctx, sends context.Context, err error) bool {
	w.status.failed(err)
	w.wait(ctx, sends, sourceWait)
	return ctx.Err() == nil
}

// watch lets idle go on when the journal has more.
func (w *worker) watch(ctx context.Context) {
	for ctx.Err() == nil {
		if err := w.source.Wait(ctx, w.status.cursor()); err != nil {
			select {
			case <-time.After(sourceWait):
			case <-ctx.Done():
			}
			continue
		}
		select {
		case w.more <- struct{}{}: // only while idle, so that there is no busy loop
		case <-ctx.Done():
		}
	}
}

// idle waits for something to send.
func (w *worker) idle(ctx, sends context.Context) {
	w.save()
	var again <-chan time.Time
	if w.unread {
		again = time.After(sourceWait)
	}
	select {
	case <-again:
	case <-w.more:
	case <-w.feed.ready:
	case <-w.broken:
		_ = w.deliver(ctx, sends, nil, nil)
	case t := <-w.tests:
		w.test(sends, t)
	case <-ctx.Done():
	}
}

// sendAlerts sends one batch of records, and reports whether there was any.
func (w *worker) sendAlerts(ctx, sends context.Context) (any bool, err error) {
	if !w.topics.anAlert {
		return false, nil
	}
	if w.unread {
		if err := w.begin(); err != nil {
			return false, &sourceError{err}
		}
	}
	records, missed, err := w.source.Records(w.read, w.spec.Batch)
	if err != nil {
		return false, &sourceError{err}
	}
	if w.unread {
		if _, err := w.source.Cursor(w.spec.Name); !errors.Is(err, ErrUnread) {
			return true, nil // it can be read now, and these may be of before
		}
	} else if len(records) < w.spec.Batch {
		defer func() { w.early = nil }() // the rest was raised later
	}
	if len(records) == 0 && missed == 0 {
		return false, nil
	}
	items := make([]Item, 0, len(records)+1)
	if missed > 0 {
		items = append(items, w.spec.missedNotice(w.read, missed, records, time.Now()))
		w.status.missed(missed)
		w.log.Warn("alerts fell out of the journal before an output could send them", "output", w.spec.Name, "records", missed)
	}
	for i := range records {
		if !w.spec.wants(&w.topics, &records[i]) {
			continue
		}
		it, err := w.spec.itemOf(&records[i])
		if err != nil { // it was encoded when it was raised
			return false, &sourceError{fmt.Errorf("record %d: %w", records[i].Seq, err)}
		}
		if !w.unread && w.early[it.ID] {
			continue // it was sent while the journal was unread
		}
		items = append(items, it)
	}
	if len(items) > 0 {
		err = w.deliver(ctx, sends, items, w.taken)
	}
	if err == nil && len(records) > 0 {
		w.reach(records[len(records)-1].Seq)
	}
	return true, err
}

// taken notes that the receiver has items.
func (w *worker) taken(items []Item) {
	for i := range items {
		if w.unread && len(w.early) < maxEarly {
			w.early[items[i].ID] = true
		}
	}
	w.reach(items[len(items)-1].Seq)
}

// reach notes that all records up to seq are done with.
func (w *worker) reach(seq uint64) {
	w.read = max(w.read, seq)
	w.status.at(w.read)
	if !w.unread && w.read-w.saved >= saveEvery {
		w.save()
	}
}

// save has the journal keep the cursor. Where that fails, alerts are sent again after the
// next start, which is no loss.
func (w *worker) save() {
	if w.read == w.saved || w.unread || !w.topics.anAlert {
		return
	}
	if err := w.source.SetCursor(w.spec.Name, w.read); err != nil {
		w.status.failed(&sourceError{fmt.Errorf("cursor not saved: %w", err)})
		return
	}
	w.saved = w.read
}

// sendMessages sends one batch of messages, and reports whether there was any.
func (w *worker) sendMessages(ctx, sends context.Context) (any bool, err error) {
	all := w.feed.take(w.spec.Batch)
	if len(all) == 0 {
		return false, nil
	}
	items := make([]Item, len(all))
	for i := range all {
		items[i] = w.spec.itemOfMessage(&all[i], w.life)
		if g := all[i].m.Gap; g != nil {
			w.log.Warn("an output lost messages", "output", w.spec.Name, "gap", g.String())
		}
	}
	done := 0
	err = w.deliver(ctx, sends, items, func(taken []Item) { done += len(taken) })
	w.feed.giveBack(all[done:])
	return true, err
}

// test sends a notice on behalf of an operator.
func (w *worker) test(sends context.Context, answer chan<- error) {
	now := time.Now()
	n := newNotice(fmt.Sprintf("test-%s-%s-%d", w.spec.Name, w.life, now.UnixNano()), w.spec.Name, NoticeTest, "this is a test of the output "+w.spec.Name, now, nil)
	ctx, cancel := context.WithTimeout(sends, w.spec.Timeout)
	defer cancel()
	_, err := w.sink.Send(ctx, []Item{n})
	answer <- err // has room
}
