package output

import (
	"context"
	"fmt"
	"time"
)

// Sink sends items to one receiver. It connects when it has to, and again after a
// failure: New of a Spec only makes it. One goroutine at a time.
type Sink interface {
	// Send sends items in order until ctx ends. taken is how many of the first the
	// receiver has; where that is not all, err is the reason. For a sink that promises
	// durability they are durable then.
	//
	// Errors with a meaning: *RefusedError, the receiver will never take items[taken];
	// *DelayError, the receiver asks for time. After any other error all that was not
	// taken is sent again.
	Send(ctx context.Context, items []Item) (taken int, err error)
	// Close lets go of the connection or file. The sink may be used again: it opens it
	// anew.
	Close() error
}

// Resender is a Sink that may have to send again what it has counted as taken, because the
// receiver broke down. When Broken is ready, Send is called, with no items if there are none.
type Resender interface {
	Sink
	Broken() <-chan struct{}
}

// RefusedError means that the receiver does not take one item, whenever it is sent.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "refused: " + e.Reason }

// DelayError means that the receiver wants nothing before some time has passed.
type DelayError struct {
	After time.Duration
	Err   error
}

func (e *DelayError) Error() string {
	return fmt.Sprintf("%v; it asks for %v", e.Err, e.After.Round(time.Second))
}

// Unwrap returns what the receiver answered.
func (e *DelayError) Unwrap() error { return e.Err }
