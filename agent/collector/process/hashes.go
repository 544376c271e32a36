package process

import (
	"context"
	"sync"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/integrity"
	"github.com/daemoneye/eventbus/agent/event"
)

// hash has the programs of all that begins hashed from now on, until stop is called, which
// waits for the end of it.
func (e *emitter) hash(ctx context.Context, h *integrity.Hasher) (stop func()) {
	e.hasher = h
	ctx, cancel := context.WithCancel(ctx)
	var hashing sync.WaitGroup
	total := uint64(0)
	hashing.Go(func() { // stop waits for it
		h.Run(ctx, func(f *integrity.Finding, missed uint64) {
			var now clock.Clock
			now.Adjust()
			if total += missed; missed > 0 {
				e.Gap(event.Loss{Lost: missed, Total: total, Reason: "hashes of programs: too many waited"}, now.Now())
			}
			if f != nil {
				e.found(f, now.Now())
			}
		})
	})
	return func() { cancel(); hashing.Wait() }
}

// found emits what is new about a program.
func (e *emitter) found(f *integrity.Finding, at clock.Moment) {
	if !e.filter.Passes(&f.Process) {
		return
	}
	d := event.Detail{Previous: f.Previous, Size: event.Known(uint64(f.Size))}
	how := event.HashUnread
	if f.SHA256 != "" {
		d.SetHash(f.SHA256)
		how = 0
	}
	e.emit(event.OpIntegrity, &f.Process, &d, at, how)
}
