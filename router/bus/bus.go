package bus

import (
	"context"

	"github.com/daemoneye/eventbus/frame"
)

// Now returns CLOCK_MONOTONIC in nanoseconds, the clock of all times on the
// wire. All processes of a host share it.
func Now() int64 { return frame.Now() }

// Bus is what a program sees of a broker, in the same process or over a
// socket: Broker.Client and ipc.Dial both return one, and package routertest
// holds the suite that both pass. Safe for concurrent use.
//
// The context of a method bounds the call: when it ends, the method returns the context's
// error. What the call has started (a subscription, a responder) goes on after the context
// has ended, until it is closed. Only Subscriber.Messages lasts as long as its context.
type Bus interface {
	// Publisher checks and encodes topic once and returns the fast path for
	// publishing on it.
	Publisher(topic string) (Publisher, error)
	// PublisherOf is Publisher for messages with the fields of m, except for its payload
	// and extension, which are ignored.
	PublisherOf(m Outgoing) (Publisher, error)
	// WindowPublisher returns a publisher that loses nothing without an error, because it
	// waits for the slowest subscriber of m's topic. It returns when the broker follows the
	// subscriptions. m is as for PublisherOf.
	WindowPublisher(ctx context.Context, m Outgoing, w Window) (WindowPublisher, error)
	// Publish sends one message with all of its fields; the topic is looked up
	// each time. It returns once the message is on its way: it does not wait
	// for subscribers, and no subscriber can make it wait.
	Publish(ctx context.Context, m Outgoing) error
	// PublishConfirmed publishes as Publish does, and waits until the broker has routed
	// the message. It returns how many subscriptions have queued the message; a queue group
	// counts once. A result of 0 is no error: no subscription matches the message, or the
	// filters of those that match reject it, or their queues are full and keep the oldest
	// messages. If the broker refuses the message, PublishConfirmed returns that error.
	// After another error the message may have been published.
	PublishConfirmed(ctx context.Context, m Outgoing) (matched int, err error)
	// Subscribe starts a subscription and returns when the broker has it. Each matching
	// message that is published after that reaches the subscriber or is in a gap.
	Subscribe(ctx context.Context, s Subscription) (Subscriber, error)
	// Request sends body to the responder of target and waits for its reply.
	// ctx's deadline is sent with it. Errors to act on: ErrNoResponder, at once, if no
	// client serves target; ErrResponderDied; ErrOverloaded; *Fault if the handler
	// failed; ctx.Err().
	Request(ctx context.Context, target string, body []byte) (Reply, error)
	// Respond serves requests for target with h until the returned Closer is
	// closed. With several responders each request goes to one of them.
	Respond(ctx context.Context, target string, h Responder) (Closer, error)
	// Push sends messages now that were published before and wait to be sent together
	// with later ones. It does not wait for the broker; Flush does.
	Push() error
	// Flush returns when the broker has routed all that was published before, and counts
	// as delivered all that the program had taken of its subscriptions.
	Flush(ctx context.Context) error
	// Drain lets open requests end, ends all subscriptions, lets their subscribers take what
	// is queued, flushes, and closes. If ctx ends first, Drain closes at once and returns ctx's error.
	Drain(ctx context.Context) error
	// Close ends everything now. Messages that were published before are still routed.
	// It unblocks every blocked call with ErrClosed, waits for the goroutines that
	// the bus started, handlers included, and may be called again, but not by a
	// handler.
	Close() error
}

// Closer is a resource that Close releases. Close may be called again.
type Closer interface{ Close() error }

// Publisher publishes on one topic. Safe for concurrent use; messages of one
// goroutine keep their order.
type Publisher interface {
	// Publish sends payload, which may be reused when it returns.
	Publish(payload []byte) error
	// PublishMeta sends payload with an extension block, which the subscribers' filters
	// read; see frame.AppendExtension.
	PublishMeta(payload []byte, extension []byte) error
}

// Outgoing is a message to publish.
type Outgoing struct {
	Topic   string
	Payload []byte
	// Priority is 0 to 10; 0 means the default, 5.
	Priority uint8
	Content  frame.Content
	// Retain asks the broker to keep the message as the topic's last value.
	Retain bool
	// Extension is an encoded extension block, or nil.
	Extension []byte
}
