package broker

import (
	"context"
	"time"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/thread"
)

// Run routes for in-process clients until ctx ends. It may be called once, and
// returns nil after an orderly end: all sessions are closed then, and what was
// queued for in-process subscribers can still be taken. A second call returns
// bus.ErrRunning.
func (b *Broker) Run(ctx context.Context) error {
	r, err := b.Claim()
	if err != nil {
		return err
	}
	return r.Run(ctx, thread.NewIdler())
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

// Run is Broker.Run with a driver. It may be called once. An error of the driver ends it
// and is returned.
func (r *Runner) Run(ctx context.Context, d Driver) error {
	b := r.b
	r.b = nil
	if b == nil {
		return bus.ErrRunning
	}
	b.driver = d
	stop := context.AfterFunc(ctx, func() { b.Post(func() {}) })
	defer stop()
	l := loop{b: b, driver: d, pace: thread.NewPace(b.opts.LatencyBudget), ticked: bus.Now()}
	defer l.shutdown()
	return l.run(ctx)
}

// loop is the routing thread.
type loop struct {
	b      *Broker
	driver Driver
	pace   *thread.Pace
	ticked int64 // when tick was called last
}

// run makes turns until ctx ends or the driver fails.
func (l *loop) run(ctx context.Context) error {
	b := l.b
	for wait := time.Duration(0); ; {
		seqBefore, bytesBefore := b.seq, b.stats.Total().Bytes
		worked, err := l.turn(wait)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		if b.now-l.ticked >= int64(Tick) {
			l.ticked = b.now
			l.tick()
			b.flush() // what the tick has queued, because the next turn may come much later
		}
		if worked {
			if rest := l.pace.Turn(b.now, b.seq-seqBefore, b.stats.Total().Bytes-bytesBefore); rest > 0 {
				l.driver.Pause(rest - time.Duration(bus.Now()-b.now))
			}
			wait = 0
			continue
		}
		l.pace.Idle()
		wait = l.sleep()
	}
}

// turn takes what has come, from all sides, routes it into the queues, and then has the
// queues written out. A turn under load is a larger batch. It waits for input for at most
// wait.
func (l *loop) turn(wait time.Duration) (worked bool, err error) {
	b := l.b
	worked, err = l.driver.Poll(wait)
	b.signal.Disarm()
	b.now = bus.Now()
	b.turns++
	worked = b.inputs.take() || worked || len(b.later) > 0 || len(b.slow.subs) > 0
	worked = b.calls.Run() || worked
	worked = b.settled.Check() || worked
	b.endBurst()
	b.flush()
	return worked, err
}

// sleep announces that the next turn begins with a wait, and returns how long that may be.
// After the announcement it checks once more whether there is work: a client that pushes
// after that check sees the announcement.
func (l *loop) sleep() time.Duration {
	b := l.b
	b.signal.Arm()
	switch {
	case b.inputs.waiting() || b.calls.Len() > 0 || b.settled.Any():
		b.signal.Disarm()
		return 0
	case len(b.sessions) == 0:
		return time.Hour
	}
	return Tick
}

// flush ends a turn: it handles what routing has listed, and writes out what the turn put
// into the queues.
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
	if b.order.Tracking() && b.ledger.Room() > 2*b.ledger.Max()/lowRoomDivisor {
		b.order.Stop()
	}
}

// tick does what is due once in a while.
func (l *loop) tick() {
	b := l.b
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
func (l *loop) shutdown() {
	b := l.b
	b.ending.Store(true)
	for _, f := range b.calls.Close() {
		for !f() {
		}
	}
	b.inputs.take()
	b.endBurst()
	b.flush()
	l.driver.Finish()
	for _, p := range b.sessions {
		p.Close()
	}
	b.store.Release()
	b.control.Release()
	b.calls.Stop()
}
