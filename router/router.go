package router

import (
	"context"

	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/inproc"
)

// Options configure a broker; see package broker for the fields. The zero value
// means the documented defaults.
type Options = broker.Options

// Limits are those options that may change while a broker runs.
type Limits = broker.Limits

// ReplayRule selects what a broker keeps in memory for late subscribers.
type ReplayRule = broker.ReplayRule

// Broker routes messages from publishers to subscriptions. It starts nothing by
// itself: Run, or ipc.Serve, is its routing thread. Safe for concurrent use.
type Broker struct{ b *broker.Broker }

// New makes a broker. It starts nothing: call Run, or hand the broker to
// ipc.Serve.
func New(o Options) (*Broker, error) {
	b, err := broker.New(o)
	if err != nil {
		return nil, err
	}
	return &Broker{b}, nil
}

// Run routes for in-process clients until ctx ends. It may be called once, and
// returns nil after an orderly end: all clients are closed then, and what was
// queued for in-process subscribers can still be taken. ErrRunning is returned at
// once where Run or ipc.Serve was called before.
func (b *Broker) Run(ctx context.Context) error { return b.b.Run(ctx) }

// Client returns an in-process client of the broker, called name. It may be used
// before Run: then it publishes as much as may be on its way, and what needs an
// answer waits for Run. Close it when done.
func (b *Broker) Client(name string) Bus { return inproc.New(b.b, Identity{Name: name}, nil) }

// ClientAs is Client with an identity and, where not nil, a policy.
func (b *Broker) ClientAs(who Identity, authorize Authorize) Bus {
	return inproc.New(b.b, who, authorize)
}

// Options returns the options in force.
func (b *Broker) Options() Options { return b.b.Options() }

// SetLimits puts l in force for clients that connect from now on, all of it, or nothing
// with an error. A client that is connected keeps the limits that it was given.
func (b *Broker) SetLimits(l Limits) error { return b.b.SetLimits(l) }

// Stats takes a snapshot of the broker's counters. It waits for the routing
// thread's next turn.
func (b *Broker) Stats(ctx context.Context) (Stats, error) { return b.b.Stats(ctx) }

// Identity returns who sent the messages and requests that have this Source, false where
// that client has gone. It waits for the routing thread's next turn.
func (b *Broker) Identity(ctx context.Context, source uint32) (Identity, bool, error) {
	return b.b.Identity(ctx, source)
}

// Charged returns how many bytes the broker keeps for its clients, as of about a second
// ago: the sum of Stats.Charged, without waiting for the routing thread.
func (b *Broker) Charged() int64 { return b.b.Charged() }

// Compact moves together what the broker keeps for late subscribers, so that the memory of
// clients that have gone can be given back: a part of a few bytes keeps the page that it lies
// in. It waits for the routing thread until ctx ends.
func (b *Broker) Compact(ctx context.Context) { b.b.Compact(ctx) }

// Engine returns the broker that package ipc attaches its connections to. A
// program that only publishes and subscribes does not need it.
func (b *Broker) Engine() *broker.Broker { return b.b }
