package network

import (
	"context"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/adjust"
	"github.com/daemoneye/eventbus/agent/collector/ebpf"
	"github.com/daemoneye/eventbus/agent/event"
)

const (
	// mostRecords is how many records are applied before anything else is looked at.
	mostRecords = 4096
	// settle is the wait between a loss and the look that makes up for it: the records
	// around a loss mostly come in one burst.
	settle = 100 * time.Millisecond
	// again is the wait for a second look after it. What both do not find has ended.
	again = time.Second
)

// recordUnit is what a gap of the kernel's program counts.
const recordUnit = "records of the kernel's program"

// follow implements source. The kernel's ring is the queue: one goroutine waits for records,
// and this one reads them in place, parses and emits. Sockets of UDP have no states, so
// that they are listed at the interval.
func (p *programs) follow(ctx context.Context, t *tracker) error {
	r, err := p.loaded.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	// Records are made from here on, so that nothing is missed between the snapshot and
	// the first of them.
	if err := p.loaded.AttachTracepoints("inet_sock_set_state"); err != nil {
		return err
	}
	t.open.Opened()
	if err := t.look(everything, 0); err != nil {
		return err
	}
	// From here on the kernel leaves out what users do that are not wanted. What the
	// snapshot has shown is not counted twice.
	if !p.judgeHere {
		if t.choice, err = p.loaded.Choice(); err != nil {
			return err
		}
		if err := t.emitter.filter.Attach(t.choice); err != nil {
			return err
		}
		defer t.emitter.filter.Detach()
	}
	var (
		loss    event.Loss // not announced yet
		stage   int        // of making up for a loss, see makeUp; 0 for none
		nextAt  = time.NewTimer(time.Hour)
		unnamed bool
	)
	nextAt.Stop()
	defer nextAt.Stop()
	pace := adjust.NewPace(t.interval)
	defer pace.Stop()
	asked := t.queries.ready(ctx)
	expire := time.NewTicker(time.Second)
	defer expire.Stop()
	take := func(err error) error {
		if err == nil {
			unnamed, err = p.read(r, t, &loss)
		}
		if err == nil {
			r.Resume()
		}
		return err
	}
	for ready := r.Ready(ctx); ; {
		select {
		case <-ctx.Done():
			return nil
		case call := <-t.door.Calls():
			call(t)
			pace.Set(t.interval)
		case err := <-ready:
			if err := take(err); err != nil {
				return err
			}
			if unnamed {
				t.forgive()
				if err := p.list(t, event.TimeApproximate); err != nil {
					return err
				}
			}
			if loss.Lost > 0 && stage != 1 {
				stage = 1
				nextAt.Reset(settle)
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
			if err := t.look(onlyUDP, event.TimeApproximate); err != nil {
				return err
			}
		case <-nextAt.C:
			if err := ebpf.TakeRest(ready, take); err != nil {
				return err
			}
			if stage == 1 {
				t.emitter.Gap(loss, t.clock.Now())
				loss.Lost = 0
				t.forgive()
			}
			if err := p.list(t, event.Inferred|event.TimeApproximate); err != nil {
				return err
			}
			if stage = (stage + 1) % 3; stage == 2 {
				nextAt.Reset(again)
			}
		}
	}
}

// list looks at all sockets. Those among them that were left out in the kernel are left out
// again, and are known from here on: their ends have records then.
func (p *programs) list(t *tracker, how event.Flags) error {
	if err := p.loaded.Put(ownMap, own{p.namespace, 1}); err != nil {
		return err
	}
	return t.look(everything, how)
}

// forgive forgets what looks did not find, so that the next two alone decide on what has
// ended.
func (t *tracker) forgive() {
	for _, c := range t.table {
		c.missed = 0
	}
}

// read applies the records that there are, and counts those that are not. It reports
// whether a look is due, see tracker.apply.
func (p *programs) read(r *ebpf.Reader, t *tracker, loss *event.Loss) (unnamed bool, err error) {
	t.clock.Adjust()
	malformed := uint64(0)
	err = r.Read(mostRecords, func(b []byte) {
		x, ok := parseRecord(b, p.ahead)
		switch {
		case !ok:
			malformed++
		case x.namespace == p.namespace:
			unnamed = t.apply(&x) || unnamed
		}
	})
	lost, _ := r.Lost()
	loss.Lost += lost + malformed
	loss.Total += lost + malformed
	loss.Reason = recordUnit + ": the ring was full"
	return unnamed, err
}
