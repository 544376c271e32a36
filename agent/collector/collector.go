// Package collector defines what a collector is. Each collector lives in a
// package of its own below this one, and none knows the bus: it is given a
// function to emit with. Package serve puts one on a bus.
package collector

import (
	"context"
	"errors"
)

// Message is one event on its way to the bus. The reason of an event that announces a
// loss is of the form UNIT: CAUSE, where UNIT is what the event counts, such as
// "events: the queue was full".
type Message struct {
	Topic     string
	Payload   []byte // in the layout of package event; borrowed, valid until Emit returns
	EventType string // what subscriptions filter by; the name of the event's type
	PID       uint32 // of the process that acted, 0 for none
}

// Emit takes one message. It must not keep the payload. It has no result: the owner of
// the bus counts and announces what the bus does not take.
type Emit func(Message)

// Collector observes one side of the host and emits what it sees.
type Collector interface {
	// Name returns the name that the collector registers and is configured by.
	// It never changes.
	Name() string

	// Describe names in one line the source that is used, and why if it is not the
	// best one. It may be called at any time, from any goroutine.
	Describe() string

	// Run collects until ctx ends, and emits from one goroutine at a time. It
	// returns nil when it ended because of ctx, and otherwise the reason why it
	// cannot go on. When it returns, everything that it started has ended. It
	// may be called again then, and begins with a fresh picture of the host; two
	// calls at the same time are a mistake of the caller.
	Run(ctx context.Context, emit Emit) error
}

// ErrFresh is the answer of an Adjustable whose other settings need a fresh start, such as
// another source.
var ErrFresh = errors.New("the settings need a fresh start")

// Adjustable is a collector that can take other settings while it observes.
type Adjustable interface {
	Collector
	// Adjust has the collector go on with the settings of next, which was made of them and
	// never runs. What it observes goes on without a break, and so do the sequence numbers of
	// its events. It is called while Run runs, from another goroutine. An error means that
	// nothing has changed: ErrFresh, the error of ctx, or why the settings cannot be put in
	// force.
	Adjust(ctx context.Context, next Collector) error
	// Succeed has the events of the collector carry the numbers that follow those of before,
	// which it takes the place of after an Adjust that failed. Neither of them runs.
	Succeed(before Collector)
}

// Remaker is an Adjustable that makes another one of its kind for less than New does, because it
// knows already what New finds out about the host.
type Remaker interface {
	Adjustable
	// Remake makes a collector of other settings, as New does. It may be called while Run runs.
	Remake(settings []byte) (Collector, error)
}
