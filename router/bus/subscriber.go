package bus

import (
	"context"
	"iter"
)

// Subscriber is a running subscription. One goroutine at a time may be in
// Messages; the other methods are safe for concurrent use.
type Subscriber interface {
	// Messages yields what is delivered and waits for more, until the
	// subscription or ctx ends; after the end of ctx no further message is shown, and
	// what is queued waits for the next call. A message and its payload are valid for
	// that turn of the loop only; Clone keeps one. It must not be used together with
	// a Handler.
	Messages(ctx context.Context) iter.Seq[*Message]
	// Err says why the subscription ended: nil while it runs and after Close.
	Err() error
	// Stats counts what this end of the subscription has seen.
	Stats() SubscriberStats
	// Drain ends the subscription, but lets its loop or handler take what is queued:
	// nothing that is published from then on reaches it. Drain returns when all has
	// been taken, or with ctx's error when ctx ends first; the subscription is closed
	// then. A handler must not call it.
	Drain(ctx context.Context) error
	// Close ends the subscription; what is queued is dropped, and no further
	// message is shown. It does not wait for the handler's call in flight, so that
	// a handler may call it; it may be called again.
	Close() error
}

// SubscriberStats counts what a subscriber has seen so far. A handler's messages
// are counted a batch at a time, when it has returned from them.
type SubscriberStats struct {
	// Delivered messages reached the handler or the loop; Lost ones were
	// announced as gaps.
	Delivered, Lost uint64
}
