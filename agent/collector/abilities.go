package collector

import (
	"context"
	"errors"
)

// What follows a collector may implement beside Collector. Without it the collector
// counts as one that is well, has no tasks, and reports nothing of what it publishes.

// Abilities are what a collector can do.
type Abilities struct {
	// EventTypes and Topics are what it publishes.
	EventTypes, Topics []string
	// Tasks are the names that its Do takes.
	Tasks []string
	// Config are the keys of its configuration.
	Config []string
}

// Able is a collector that reports what it can do. Its method may be called at any time, from
// any goroutine, and returns the same each time.
type Able interface {
	Abilities() Abilities
}

// Filterer is a collector that leaves out events because its configuration asks for it.
// Filtered returns how many, since it was made. It may be called at any time, from any
// goroutine.
type Filterer interface {
	Filtered() uint64
}

// Subscriber is a collector that takes events of others, such as those that tell who a
// process was that has ended. Topics returns where they are published; Take takes one of
// them, with a payload that is borrowed until it returns. Both may be called at any time,
// from any goroutine, and do not block.
type Subscriber interface {
	Topics() []string
	Take(payload []byte)
}

// Checker is a collector that knows when it does not observe as it should. Check returns
// why, or nil when it is well. It may be called at any time, from any goroutine, and does
// not block.
type Checker interface {
	Check() error
}

// ErrTask means that a collector has no task of that name, or that its arguments are wrong.
var ErrTask = errors.New("no such task")

// Tasker is a collector that carries out tasks. Do may be called at any time, from any
// goroutine, also while Run is not running. args is a JSON object or empty, and the
// result is written as JSON. Errors that wrap ErrTask mean that nothing was done.
type Tasker interface {
	Do(ctx context.Context, task string, args []byte) (any, error)
}
