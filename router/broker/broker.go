// Package broker is the engine: the routing thread, sessions of clients, subscriptions,
// delivery, requests, limits and statistics. Programs use it through package router.
// Packages inproc and ipc attach clients as sessions.
package broker

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/ring"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/requests"
	"github.com/daemoneye/eventbus/router/routes"
	"github.com/daemoneye/eventbus/router/settle"
	"github.com/daemoneye/eventbus/router/stats"
	"github.com/daemoneye/eventbus/router/store"
	"github.com/daemoneye/eventbus/router/thread"
	"github.com/daemoneye/eventbus/router/topic"
	"github.com/daemoneye/eventbus/router/weights"
)

// Broker routes messages from sessions to subscriptions. All of its state belongs
// to one goroutine, the routing thread, which is inside Run; other
// goroutines reach it through clients and through calls that it takes between
// two turns. Methods are safe for concurrent use unless they have "routing
// thread only".
type Broker struct {
	opts Options
	pool *buffer.Pool

	// owned by the routing thread
	sessions map[uint32]*Session
	lastID   uint32 // of a session
	seq      uint64 // of the last routed message
	now      int64  // when this turn began
	turns    uint64 // of the loop
	driver   Driver // set before the thread first sleeps

	inputs   inputs
	routes   *routes.Table[*Sub]
	store    *store.Store
	requests *requests.Table
	evicted  []requests.Key // to be refused
	burst    burst
	control  queue.Builder // of the broker's own frames
	ledger   *charge.Ledger
	order    weights.Order[*Sub]
	stats    stats.Counters
	encoded  encodedStats

	writeList  []*Session // with something to write
	later      []*Session // to be written in the next turn
	writeFirst []*Session // to be written, or disconnected, before anything more is routed
	slow       slowSubs
	overflowed []*Sub // to be stopped by their overflow policy
	settled    *settle.Table
	draining   []*Sub // stopped, and perhaps not consumed to the end

	// for a moment
	scratch, picked []queue.Item
	rotated         []*Sub
	parsed          filter.Message

	// safe for concurrent use
	limits  atomic.Pointer[Limits] // of clients that connect now; opts has the first ones
	kept    atomic.Int64           // what was charged at the last tick, buffers included
	signal  *ring.Signal           // where the routing thread sleeps
	calls   *thread.Calls
	running atomic.Bool
	ending  atomic.Bool // the routing thread takes nothing more in
}

// route is a topic with the subscriptions that it reaches.
type route = routes.Route[*Sub]

// slowSubs are subscriptions that lose messages, and are to be advised.
type slowSubs struct {
	subs     []*Sub
	advising bool // advisories are being published
}

// note lists s, unless it was listed a short while ago.
func (l *slowSubs) note(s *Sub, now int64) {
	if l.advising || now-s.noted < int64(Tick) {
		return
	}
	s.noted = now
	l.subs = append(l.subs, s)
}

// encodedStats is a cached snapshot of the statistics in JSON.
type encodedStats struct {
	body       []byte
	turn       int64 // the time at which its turn began
	messages   uint64
	generation uint64
}

// New makes a broker. It starts nothing: call Run, or hand it to ipc.Serve.
func New(o Options) (*Broker, error) {
	o.setDefaults()
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("router: options: %w", err)
	}
	urgent, err := topic.ParsePatterns(o.Urgent...)
	if err != nil {
		return nil, fmt.Errorf("router: options: Urgent: %w", err)
	}
	b := &Broker{
		opts:     o,
		pool:     buffer.NewPool(),
		sessions: make(map[uint32]*Session),
		requests: requests.NewTable(),
	}
	b.limits.Store(o.limits())
	b.signal = ring.NewSignalFunc(func() { b.driver.Wake() })
	b.calls = thread.NewCalls(b.signal.Notify)
	b.settled = settle.NewTable(b.signal.Notify)
	b.burst.items = make([]queue.Item, 0, routes.MaxBurst)
	b.control = queue.NewBuilder(b.pool)
	if b.store, err = store.New(b.pool, store.Limits{Values: o.MaxRetained, Bytes: o.MaxRetainedBytes}, o.Replay); err != nil {
		return nil, fmt.Errorf("router: options: Replay: %w", err)
	}
	half := o.MaxMemory / 2
	rest := b.store.Rest(half)
	if rest < 0 { // nothing would be left for messages on their way
		return nil, fmt.Errorf("router: options: MaxRetainedBytes and Replay hold more than half of MaxMemory together, which is %d", half)
	}
	b.ledger = charge.NewLedger(o.MaxMemory, o.maxFixed(half-rest), b.pool)
	own := b.ledger.Open(true)
	b.store.ChargeTo(own)
	b.routes = routes.NewTable[*Sub](urgent, b.store, b.ledger, own)
	b.stats.Start(bus.Now())
	return b, nil
}

// SetLimits puts l in force for clients that connect from now on, all of it, or nothing
// with an error. A client that is connected keeps the limits that it was given, because
// its welcome names them. Zero values are the defaults of Options. Safe for concurrent
// use.
func (b *Broker) SetLimits(l Limits) error {
	o := b.opts.with(&l)
	o.setDefaults()
	if err := o.check(); err != nil {
		return fmt.Errorf("router: limits: %w", err)
	}
	b.limits.Store(o.limits())
	return nil
}

// Options returns the options in force, for clients that connect now.
func (b *Broker) Options() Options { return b.opts.with(b.limits.Load()) }

// Pool returns the pool that all message buffers come from.
func (b *Broker) Pool() *buffer.Pool { return b.pool }

// Signal returns what wakes the routing thread: the signal for the ring of an Input.
func (b *Broker) Signal() *ring.Signal { return b.signal }

// Calls returns the calls that other goroutines hand to the routing thread.
func (b *Broker) Calls() *thread.Calls { return b.calls }

// Post runs f on the routing thread between two turns. It returns false, and f never
// runs, when the broker has stopped.
func (b *Broker) Post(f func()) bool { return b.calls.Post(f) }

// Running reports whether the broker has a routing thread, or had one.
func (b *Broker) Running() bool { return b.running.Load() }

// Ending reports whether the routing thread takes nothing more in.
func (b *Broker) Ending() bool { return b.ending.Load() }

// Charged returns how many bytes the broker keeps for its clients, as of about a Tick
// ago. It is the sum of Stats.Charged, and costs nothing.
func (b *Broker) Charged() int64 { return b.kept.Load() }

// Compact has the routing thread move together what it keeps for late subscribers, and
// waits for that until ctx ends.
func (b *Broker) Compact(ctx context.Context) {
	done := make(chan struct{})
	if !b.Post(func() { b.store.Compact(); close(done) }) {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// CountRefused counts a fault of a client that has no session yet, or that the caller
// found. Routing thread only.
func (b *Broker) CountRefused(err error) { b.stats.CountRefused(err) }

// RecordFault records an error of the broker's own side for its statistics. Routing
// thread only.
func (b *Broker) RecordFault(err error) { b.stats.RecordFault(err) }
