package broker

import (
	"context"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/thread"
)

// Run routes for in-process clients until ctx ends. It may be called once, and
// returns nil after an orderly end: all sessions are closed then, and what was
// queued for in-process subscribers can still be taken. A second call returns
// bus.ErrRunning.
func (b *Broker) Run(ctx context.Context) error {
	return b.RunWith(ctx, thread.NewIdler())
}

// RunWith is Run with a driver. An error of the driver ends it and is returned.
func (b *Broker) RunWith(ctx context.Context, d Driver) error {
	r, err := b.Claim()
	if err != nil {
		return err
	}
	return r.Run(ctx, d)
}

// Runner is the right to be the routing thread. A broker gives it to one
// caller at a time. So its holder can prepare what the routing thread needs, and be sure
// that it will run. It is either run or released. One goroutine at a time.
type Runner struct{ b *Broker }

// Claim returns the right to run b, or bus.ErrRunning where another has it.
func (b *Broker) Claim() (*Runner, error) {
	if !b.running.CompareAndSwap(false, true) {
		return nil, bus.ErrRunning
	}
	return &Runner{b}, nil
}

// Release gives the right back, so that another may run the broker. It does nothing
// after Run.
func (r *Runner) Release() {
	if r.b != nil {
		r.b.running.Store(false)
		r.b = nil
	}
}

// Run is Broker.RunWith by the holder of the right. It may be called once.
//
// A turn takes what has come, from all sides, routes it into the queues, and
// then writes the queues out. A turn under load is a larger batch.
func (r *Runner) Run(ctx context.Context, d Driver) error {
	b := r.b
	r.b = nil
	if b == nil {
		return bus.ErrRunning
	}
	b.driver = d
	stop := context.AfterFunc(ctx, func() { b.Post(func() {}) })
	defer stop()
	defer b.shutdown(d)

	var (
		wait     time.Duration
		lastTick = bus.Now()
		pace     = thread.NewPace(b.opts.LatencyBudget)
	)
	for {
		seqBefore, bytesBefore := b.seq, b.stats.Total().Bytes
		polled, err := d.Poll(wait)
		b.signal.Disarm()
		b.now = bus.Now()
		b.turns++
		worked := b.takeInputs() || polled || len(b.later) > 0 || len(b.slow) > 0
		worked = b.calls.Run() || worked
		b.endBurst()
		b.flush()
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		if b.now-lastTick >= int64(Tick) {
			lastTick = b.now
			b.tick()
			b.flush() // what the tick has queued, because the next turn may come much later
		}
		if worked {
			if rest := pace.Turn(b.now, b.seq-seqBefore, b.stats.Total().Bytes-bytesBefore); rest > 0 {
				d.Pause(rest - time.Duration(bus.Now()-b.now))
			}
			wait = 0
			continue
		}
		pace.Idle()
		// There is nothing to do. Announce the sleep, then check once more: a client
		// that pushes after that check sees the announcement.
		b.signal.Arm()
		wait = Tick
		switch {
		case b.anyInput() || b.calls.Len() > 0:
			b.signal.Disarm()
			wait = 0
		case len(b.sessions) == 0:
			wait = time.Hour
		}
	}
}

// flush ends a turn: it writes out what the turn put into the queues.
func (b *Broker) flush() {
	b.stopOverflowed()
	b.refuseEvicted()
	b.adviseSlow()
	b.write()
	b.checkMemory()
	if len(b.evicted) > 0 {
		b.refuseEvicted()
		b.write()
	}
	b.stopTracking()
}

// takeInputs routes what clients in this process have sent. Another one is first each time.
func (b *Broker) takeInputs() (worked bool) {
	n := len(b.inputs)
	for i := range n {
		worked = b.inputs[(b.firstInput+i)%n].Take() || worked
	}
	if worked {
		b.firstInput = (b.firstInput + 1) % n
	}
	return worked
}

// anyInput reports whether a client in this process has sent something.
func (b *Broker) anyInput() bool {
	return slices.ContainsFunc(b.inputs, func(in Input) bool { return in.Waiting() > 0 })
}

// tick does what is due once in a while.
func (b *Broker) tick() {
	b.stats.Advance(b.now)
	b.expireRequests()
	b.store.Trim(b.now)
	b.finalizeDrained()
	b.encoded = encodedStats{}
	b.routes.Shrink()
	for s := range b.routes.All() {
		s.Queue.TrimIdle()
	}
	b.kept.Store(b.ledger.Max() - b.ledger.Room())
	for _, p := range b.sessions {
		p.inbox.Queue.TrimIdle()
		p.sink.Tick(b.now)
	}
}

// shutdown ends every session. What is queued for in-process subscribers stays
// theirs to take.
func (b *Broker) shutdown(d Driver) {
	b.ending.Store(true)
	for _, f := range b.calls.Close() {
		for !f() {
		}
	}
	b.takeInputs()
	b.endBurst()
	b.flush()
	d.Finish()
	for _, p := range b.sessions {
		p.Close()
	}
	b.store.Release()
	b.control.Release()
	b.calls.Stop()
}
