package router

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/daemoneye/eventbus/frame"
)

// Bus is what a program sees of a broker, in the same process or over a
// socket: Broker.Client and ipc.Dial both return one, and package routertest
// holds the suite that both pass. Safe for concurrent use.
type Bus interface {
	// Publisher checks and encodes topic once and returns the fast path for
	// publishing on it.
	Publisher(topic string) (Publisher, error)
	// PublisherOf is Publisher for messages that are all like m, whose payload
	// and extension are not used.
	PublisherOf(m Outgoing) (Publisher, error)
	// Publish sends one message with all of its fields; the topic is looked up
	// each time. It returns once the message is on its way: it does not wait
	// for subscribers, and no subscriber can make it wait.
	Publish(ctx context.Context, m Outgoing) error
	// Subscribe starts a subscription, and returns when the broker has it: what
	// is published after that reaches it, or is announced as a gap.
	Subscribe(ctx context.Context, s Subscription) (Subscriber, error)
	// Request sends body to the responder of target and waits for its reply.
	// ctx's deadline travels with it. Errors to act on: ErrNoResponder at once
	// when nobody serves target, ErrResponderDied, ErrOverloaded, *ReplyError
	// when the handler failed, ctx.Err().
	Request(ctx context.Context, target string, body []byte) (Reply, error)
	// Respond serves requests for target with h until the returned Closer is
	// closed. With several responders each request goes to one of them.
	Respond(ctx context.Context, target string, h Responder) (Closer, error)
	// Flush returns when the broker has routed all that was published before.
	Flush(ctx context.Context) error
	// Drain ends all subscriptions, lets them take what is queued, flushes, and
	// closes. Past ctx's end it closes at once and returns ctx's error.
	Drain(ctx context.Context) error
	// Close ends everything now; what was published before it is still routed.
	// It unblocks every blocked call with ErrClosed, waits for the goroutines that
	// the bus started, handlers included, and may be called again, but not by a
	// handler.
	Close() error
}

// Closer is a resource with one release, which may be called again.
type Closer interface{ Close() error }

// Publisher publishes on one topic. Safe for concurrent use; messages of one
// goroutine keep their order.
type Publisher interface {
	// Publish sends payload, which may be reused when it returns.
	Publish(payload []byte) error
	// PublishMeta sends payload with an extension block, which subscribers'
	// filters look into; see frame.AppendExtension.
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

// Subscriber is a running subscription. One goroutine at a time may be in
// Messages; the other methods are safe for concurrent use.
type Subscriber interface {
	// Messages yields what is delivered and waits for more, until the
	// subscription or ctx ends. A message and its payload are valid for that
	// turn of the loop only; Clone keeps one. It must not be used together with
	// a Handler.
	Messages(ctx context.Context) iter.Seq[*Message]
	// Err says why the subscription ended: nil while it runs and after Close.
	Err() error
	// Stats counts what this end of the subscription has seen.
	Stats() SubscriberStats
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

// Message is one delivered message, or the announcement of a gap. It is a view:
// Topic, Payload and Extension point into a shared buffer and are valid only
// inside the handler's call or the turn of the loop.
type Message struct {
	// Gap is not nil where messages were lost; no other field but Urgent is set
	// then.
	Gap *Gap
	// Frame is the frame as it was published, stamped by the broker.
	Frame frame.Frame
	// Payload is the frame's payload, inflated where it was compressed.
	Payload []byte
	// Sequence numbers the messages of this subscription and lane without a
	// hole: what was lost is in the gaps between.
	Sequence uint64
	// Urgent says that the message travelled in the urgent lane.
	Urgent bool
	// More says that the next message is at hand already: who collects output
	// may wait with writing it. In a Handler over a socket it is always false.
	More bool
}

// Topic returns the topic's bytes; string(m.Topic()) keeps them.
func (m *Message) Topic() []byte { return m.Frame.Topic() }

// Published returns when the publisher sent the message, as CLOCK_MONOTONIC
// nanoseconds of this host; Now gives the same clock.
func (m *Message) Published() int64 { return m.Frame.Time() }

// Clone returns a copy that stays valid.
func (m *Message) Clone() *Message {
	c := *m
	if m.Gap != nil {
		g := *m.Gap
		c.Gap = &g
		return &c
	}
	c.Frame = append(frame.Frame(nil), m.Frame...)
	if len(m.Payload) > 0 && len(m.Frame.Payload()) > 0 && &m.Payload[0] == &m.Frame.Payload()[0] {
		c.Payload = c.Frame.Payload()
	} else {
		c.Payload = append([]byte(nil), m.Payload...)
	}
	return &c
}

// Gap says exactly what a subscription lost, at the place where it was lost.
type Gap struct {
	// First and Last are the lost sequence numbers of this subscription's lane.
	First, Last uint64
	// Count messages of together Bytes bytes of frames were lost. Count is
	// Last-First+1 except with ReasonReplay, where 0 means not known.
	Count, Bytes uint64
	// Urgent names the lane.
	Urgent bool
	Reason Reason
}

func (g *Gap) String() string {
	if g.Count == 0 {
		return fmt.Sprintf("gap: an unknown number of events lost (%s)", g.Reason)
	}
	return fmt.Sprintf("gap: %d events lost (%s), sequence %d..%d", g.Count, g.Reason, g.First, g.Last)
}

// Reply is the answer to a request.
type Reply struct {
	Payload []byte
	Content frame.Content
	// Source is the broker's id of the connection that answered.
	Source uint32
}

// Request is what a responder is asked. It is valid until the handler returns.
type Request struct {
	Target  string
	Payload []byte
	Content frame.Content
	// Source is the broker's id of the connection that asks.
	Source uint32
}

// Responder answers requests. Its ctx ends with the request's deadline, or when
// the requester cancels or goes away. Calls run concurrently, at most
// MaxConcurrentRequests for a target. A returned error reaches the requester as
// *ReplyError; return a *ReplyError to choose its code.
type Responder func(ctx context.Context, r *Request) ([]byte, error)

// MaxConcurrentRequests bounds the handlers that run at once for one Respond.
const MaxConcurrentRequests = 64

// Reason says why messages were dropped.
type Reason = frame.Reason

// deadlineNs converts ctx's deadline to the wire's clock; 0 when it has none.
func deadlineNs(ctx context.Context) int64 {
	d, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return Now() + int64(time.Until(d))
}
