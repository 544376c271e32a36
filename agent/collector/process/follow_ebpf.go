package process

import (
	"context"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/ebpf"
	"github.com/daemoneye/eventbus/agent/event"
)

// mostRecords is how many records are applied before anything else is looked at.
const mostRecords = 4096

// usersInterval is the time between two looks at whose the processes are, because no record
// shows when that changes. It costs a call of stat for each process.
const usersInterval = time.Second

// tracepoints are in the order in which they are attached: the end of a process first, so
// that none is shown for ever that ran and ended while they were.
var tracepoints = []string{"sched_process_exit", "sched_process_exec", "sched_process_fork"}

// follow takes the records of the programs until ctx ends. The kernel's ring is the queue:
// one goroutine waits for records, and this one reads them in place, parses and emits.
func (p *programs) follow(ctx context.Context, t *tracker) error {
	r, err := p.loaded.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	if t.forks {
		r.NoRest()
	}
	// Records are made from here on, so that nothing is missed between the snapshot and
	// the first of them.
	if err := p.loaded.AttachTracepoints(tracepoints...); err != nil {
		return err
	}
	t.open.Opened()
	if err := t.compare(event.OpSnapshot, 0); err != nil {
		return err
	}
	// From here on programs are left out in the kernel as well. What the snapshot has shown
	// is not counted twice.
	if t.kept, err = p.keep(t); err != nil {
		return err
	}
	defer t.emitter.filter.Detach()
	var (
		records  = records{ahead: p.ahead, proc: t.reader}
		loss     event.Loss // not announced yet
		pending  bool       // a comparison is due when the timer fires
		last     time.Time
		resyncAt = time.NewTimer(time.Hour)
	)
	resyncAt.Stop()
	take := func(err error) error {
		if err == nil {
			err = apply(r, t, &records, &loss)
		}
		if err == nil {
			r.Resume()
		}
		return err
	}
	users := time.NewTicker(usersInterval)
	defer users.Stop()
	for ready := r.Ready(ctx); ; {
		select {
		case <-ctx.Done():
			return nil
		case call := <-t.door.Calls():
			call(t)
		case <-users.C:
			t.compareUsers(event.TimeApproximate)
			r.Stir() // a fork makes no event, and does not wake us
		case err := <-ready:
			if err := take(err); err != nil {
				return err
			}
			if loss.Lost > 0 && !pending {
				pending = true
				resyncAt.Reset(max(settle, compareGap-time.Since(last)))
			}
		case <-resyncAt.C:
			pending, last = false, time.Now()
			left, err := t.kept.all() // ahead of the records that came before them
			if err != nil {
				return err
			}
			if err := ebpf.TakeRest(ready, take); err != nil {
				return err
			}
			t.applyKept(left)
			if err := t.makeUp(loss); err != nil {
				return err
			}
			t.forgetKept(left)
			loss.Lost = 0
		}
	}
}

// recordUnit is what a gap of the kernel's programs counts.
const recordUnit = "records of the kernel's programs"

// apply applies the records that there are, and counts those that are not.
func apply(r *ebpf.Reader, t *tracker, x *records, loss *event.Loss) error {
	t.clock.Adjust()
	malformed := uint64(0)
	err := r.Read(mostRecords, func(b []byte) {
		if made, ok := x.parse(b); ok {
			t.apply(&made)
		} else {
			malformed++
		}
	})
	lost, _ := r.Lost()
	loss.Lost += lost + malformed
	loss.Total += lost + malformed
	loss.Reason = recordUnit + ": the ring was full"
	return err
}
