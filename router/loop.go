package router

import (
	"context"
	"errors"
	"time"
)

// Driver brings the outside to the routing thread: package ipc's polls sockets.
// Poll is called on the routing thread, Wake on any goroutine.
type Driver interface {
	// Poll handles what has come in. When there is nothing it waits for at most
	// wait, or until Wake; 0 does not wait. It reports whether there was
	// anything.
	Poll(wait time.Duration) (worked bool, err error)
	// Wake makes the Poll that waits, or else the next one, return.
	Wake()
	// Pause sleeps for d, whatever comes in.
	Pause(d time.Duration)
	// Finish is called once, when the broker ends: the driver takes nothing in
	// any more, and writes out what is queued as long as it sees fit.
	Finish()
}

// Tick is how often the routing thread looks at its timers while it has ports.
const Tick = time.Second

// Run routes for in-process clients until ctx ends. It may be called once, and
// returns nil after an orderly end: all ports are closed then, and what was
// queued for in-process subscribers can still be taken.
func (b *Broker) Run(ctx context.Context) error {
	return b.RunWith(ctx, newIdler())
}

// RunWith is Run with a driver. An error of the driver ends it and is returned.
//
// A turn takes what has come, from all sides, routes it into the queues, and
// then writes the queues out. A turn under load is a larger batch.
func (b *Broker) RunWith(ctx context.Context, d Driver) error {
	if !b.running.CompareAndSwap(false, true) {
		return errors.New("router: Run was called before")
	}
	b.mu.Lock()
	b.driver = d
	b.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { b.post(func() {}) })
	defer stop()
	defer b.shutdown(d)

	var (
		wait     time.Duration
		lastTick = Now()
		pace     = pace{budget: int64(b.opts.LatencyBudget)}
	)
	for {
		seqBefore := b.seq
		polled, err := d.Poll(wait)
		b.signal.Disarm()
		b.now = Now()
		worked := b.takeLocals() || polled
		worked = b.runCalls() || worked
		b.endRun()
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
			b.flush() // what that had to say; the next turn may be a while off
		}
		if worked {
			if rest := pace.turn(b.now, b.seq-seqBefore); rest > 0 {
				d.Pause(rest - time.Duration(Now()-b.now))
			}
			wait = 0
			continue
		}
		pace.idle()
		// Nothing at a glance. Announce the sleep, then look once more: who
		// pushes after that look sees the announcement.
		b.signal.Arm()
		wait = Tick
		switch {
		case b.anyLocal():
			b.signal.Disarm()
			wait = 0
		case len(b.ports) == 0:
			wait = time.Hour
		}
	}
}

// flush writes out what this turn put into the queues.
func (b *Broker) flush() {
	for i := 0; i < len(b.ready); i++ {
		p := b.ready[i]
		b.ready[i] = nil
		p.isReady = false
		if !p.closed {
			p.sink.Drain(p)
		}
	}
	b.ready = b.ready[:0]
	if b.pool.Live() > b.opts.MaxMemory {
		b.relieve()
	}
}

// runCalls runs what other goroutines asked for.
func (b *Broker) runCalls() bool {
	b.mu.Lock()
	calls := b.calls
	b.calls = nil
	b.mu.Unlock()
	if len(calls) == 0 {
		return false
	}
	b.endRun()
	for _, f := range calls {
		f()
	}
	return true
}

// anyLocal reports whether an in-process client has sent or asked something.
func (b *Broker) anyLocal() bool {
	for _, l := range b.locals {
		if l.in.Len() > 0 {
			return true
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.calls) > 0
}

// tick does what is due once in a while.
func (b *Broker) tick() {
	b.stats.advance(b.now)
	b.expireRequests()
	b.expireReplay()
	b.closeBooks()
	b.encoded = encoded{}
	b.forgetStale()
	for _, p := range b.ports {
		p.sink.Tick(b.now)
	}
}

// shutdown ends every port. What is queued for in-process subscribers stays
// theirs to take.
func (b *Broker) shutdown(d Driver) {
	b.mu.Lock()
	b.closed = true
	b.ending.Store(true)
	calls := b.calls
	b.calls = nil
	b.mu.Unlock()
	for _, f := range calls {
		f()
	}
	b.takeLocals()
	b.endRun()
	b.flush()
	d.Finish()
	for _, p := range b.ports {
		p.Close()
	}
	b.releaseStores()
	close(b.done)
}

// idler is the driver of a broker without sockets.
type idler struct {
	ch    chan struct{}
	timer *time.Timer
}

func newIdler() *idler {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &idler{make(chan struct{}, 1), t}
}

func (d *idler) Poll(wait time.Duration) (bool, error) {
	if wait == 0 {
		return false, nil
	}
	d.timer.Reset(wait)
	select {
	case <-d.ch:
		d.timer.Stop()
	case <-d.timer.C:
	}
	return false, nil
}

func (d *idler) Wake() {
	select {
	case d.ch <- struct{}{}:
	default: // a token is there already
	}
}

func (d *idler) Finish() {}

func (d *idler) Pause(t time.Duration) { time.Sleep(t) }
