package process

import (
	"context"
	"time"

	"github.com/daemoneye/eventbus/agent/event"
)

const (
	// mostRecords is how many records are applied before timers are looked at.
	mostRecords = 4096
	// idle is a time to wait for where there is nothing to do.
	idle = time.Hour
)

// follow takes the records of the programs until ctx ends. The kernel's ring is the
// queue, so that one goroutine is enough.
func (p *programs) follow(ctx context.Context, t *tracker) error {
	r, err := p.loaded.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	// Records are made already, so that nothing is missed between the snapshot and the
	// first of them.
	if err := p.loaded.AttachTracepoints(); err != nil {
		return err
	}
	if err := t.compare(event.OpSnapshot, 0); err != nil {
		return err
	}
	var (
		lost     uint64 // not announced yet
		resyncAt time.Time
		last     time.Time
	)
	records := records{ahead: p.ahead, proc: t.reader}
	for ctx.Err() == nil {
		t.clock.Adjust()
		err := r.Read(mostRecords, func(b []byte) {
			if report, ok := records.parse(b); ok {
				t.apply(&report)
			} else {
				lost++
			}
		})
		if err != nil {
			return err
		}
		now, total := r.Lost()
		lost += now
		if lost > 0 && resyncAt.IsZero() {
			resyncAt = time.Now().Add(max(settle, compareGap-time.Since(last)))
		}
		until := time.Now().Add(idle)
		if !resyncAt.IsZero() {
			if !time.Now().Before(resyncAt) {
				if err := t.makeUp(event.Loss{Lost: lost, Total: total, Reason: recordUnit + ": the ring was full"}); err != nil {
					return err
				}
				lost, last, resyncAt = 0, time.Now(), time.Time{}
				continue
			}
			until = resyncAt
		}
		if err := r.Wait(ctx, until); err != nil {
			return err
		}
	}
	return nil
}

// recordUnit is what a gap of the kernel's programs counts.
const recordUnit = "records of the kernel's programs"
