package output

import (
	"context"
	"errors"
	"time"
)

// deliver sends items until the receiver has all of them, or ctx ends, whose error it then
// returns. Without items the sink is called until it returns no error. committed is called with those that it has taken, in order. sends bounds the
// calls of the sink; it ends later than ctx.
func (w *worker) deliver(ctx, sends context.Context, items []Item, committed func(taken []Item)) error {
	refusals := 0
	for once := len(items) == 0; once || len(items) > 0; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		part := items
		if len(items) > 0 && (w.failures >= probeAfter || refusals > 0) {
			part = items[:1]
		}
		taken, err := w.send(sends, part)
		if taken > 0 {
			committed(items[:taken])
			items = items[taken:]
			refusals = 0
		}
		if err == nil {
			once = false
			w.failures = 0
			w.backoff.Reset()
			continue
		}
		var refused *RefusedError
		if errors.As(err, &refused) && len(items) > 0 {
			if refusals++; refusals >= maxRefusals && w.refuse(sends, &items[0], refused.Reason) {
				committed(items[:1])
				items = items[1:]
				refusals = 0
				continue
			}
		}
		w.failures++
		if w.failures == probeAfter {
			w.log.Warn("an output does not work", "output", w.spec.Name, "target", w.spec.Target, "err", err)
		}
		w.wait(ctx, sends, w.delay(err))
	}
	return nil
}

// send calls the sink, and counts.
func (w *worker) send(sends context.Context, items []Item) (taken int, err error) {
	ctx, cancel := context.WithTimeout(sends, w.spec.Timeout)
	defer cancel()
	taken, err = w.sink.Send(ctx, items)
	if taken > 0 {
		w.status.sent(items[:taken])
	}
	if err != nil {
		w.status.failed(err)
	}
	return taken, err
}

// refuse sends the notice that the receiver does not get an item, and reports whether it has
// the notice. One that takes no notice either takes nothing: then the fault is not the
// item's, and the item is not given up.
func (w *worker) refuse(sends context.Context, it *Item, reason string) bool {
	n, err := w.send(sends, []Item{w.spec.refusedNotice(it, reason, time.Now())})
	if n == 0 || err != nil {
		return false
	}
	w.status.refused(reason)
	w.log.Warn("a receiver refuses an item", "output", w.spec.Name, "item", it.ID, "reason", reason)
	return true
}

// delay returns the wait after a failure.
func (w *worker) delay(err error) time.Duration {
	d := w.backoff.NextBackOff()
	var asked *DelayError
	if errors.As(err, &asked) {
		d = max(d, min(asked.After, maxDelay))
	}
	return d
}

// wait waits for a time, or until ctx ends, or until a test shows that the receiver takes
// something again.
func (w *worker) wait(ctx, sends context.Context, d time.Duration) {
	w.status.waits(d)
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		case t := <-w.tests:
			answer := make(chan error, 1)
			w.test(sends, answer)
			err := <-answer
			t <- err
			if err == nil {
				return
			}
		}
	}
}
