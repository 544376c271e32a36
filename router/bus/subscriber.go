package bus

import (
	"context"
	"iter"
)

// Subscriber is a running subscription. One goroutine at a time may be in
// Messages; the other methods are safe for concurrent use.
type Subscriber interface {
	// Messages yields what is delivered and waits for more, until the subscription or ctx
	// ends. After the end of ctx it yields no further message, and what is queued waits
	// for the next call. A message and its payload are valid only for that turn of the
	// loop; Clone copies one. A subscription with a Handler has no Messages.
	Messages(ctx context.Context) iter.Seq[*Message]
	// Err states why the subscription ended: nil while it runs and after Close.
	Err() error
	// Stats returns the counters of this end of the subscription.
	Stats() SubscriberStats
	// Drain ends the subscription, but lets its loop or handler take what is queued.
	// Messages that are published later do not reach it. Drain returns when all has been
	// taken, or with ctx's error when ctx ends first. Either way the subscription is
	// closed then. A handler must not call Drain.
	Drain(ctx context.Context) error
	// Close ends the subscription. What is queued is dropped, and no further message is
	// delivered. Close does not wait for a handler that is running, so a handler may
	// call it. It may be called again.
	Close() error
}

// SubscriberStats are the counters of a subscriber. Messages for a handler are counted a
// batch at a time, when the handler has returned from the last of them.
type SubscriberStats struct {
	// Delivered counts the messages that reached the handler or the loop, Lost those in
	// gaps.
	Delivered, Lost uint64
}
