package router

import (
	"context"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/topic"
)

// The vocabulary of package bus, under the names that users of a broker write.
// Its documentation, with all fields and methods, is in package bus.
type (
	// Bus is what a program sees of a broker, in the same process or over a socket.
	Bus = bus.Bus
	// Publisher publishes on one topic: the fast path.
	Publisher = bus.Publisher
	// WindowPublisher publishes on one topic, and waits for the slowest subscriber.
	WindowPublisher = bus.WindowPublisher
	// Window bounds what a WindowPublisher has on its way.
	Window = bus.Window
	// LossError states what a WindowPublisher knows to be lost.
	LossError = bus.LossError
	// Outgoing is a message to publish.
	Outgoing = bus.Outgoing
	// Subscriber is a running subscription.
	Subscriber = bus.Subscriber
	// SubscriberStats counts what a subscriber has seen.
	SubscriberStats = bus.SubscriberStats
	// Message is one delivered message, or the announcement of a gap.
	Message = bus.Message
	// Gap states exactly what a subscription lost, at the place where it was lost.
	Gap = bus.Gap
	// Reason states why messages were dropped.
	Reason = bus.Reason
	// Lane is one of a subscription's two ways: Bulk or Urgent.
	Lane = bus.Lane
	// Subscription states what a subscriber wants.
	Subscription = bus.Subscription
	// Capabilities state what a subscriber can take.
	Capabilities = bus.Capabilities
	// EventFilter selects by what a message has of its event.
	EventFilter = bus.EventFilter
	// CorrelationFilter selects by correlation metadata.
	CorrelationFilter = bus.CorrelationFilter
	// Overflow is what a full queue does.
	Overflow = bus.Overflow
	// Request is what a responder is asked.
	Request = bus.Request
	// Reply is the answer to a request.
	Reply = bus.Reply
	// Responder answers requests.
	Responder = bus.Responder
	// Closer is a resource with one release, which may be called again.
	Closer = bus.Closer
	// Identity is who is behind a client.
	Identity = bus.Identity
	// Op is what a client wants to do with a topic.
	Op = bus.Op
	// Authorize decides whether a client may do an Op with a topic or pattern.
	Authorize = bus.Authorize
	// Stats is a snapshot of the broker's counters.
	Stats = bus.Stats
	// ClientStats are one client's counters.
	ClientStats = bus.ClientStats
	// SubStats are one subscription's counters.
	SubStats = bus.SubStats
	// Latency is a summary of publish-to-delivery times.
	Latency = bus.Latency
	// LimitError states which limit a request would have exceeded.
	LimitError = bus.LimitError
	// Fault is what the broker or a responder reports.
	Fault = bus.Fault
	// Pattern is a checked topic pattern.
	Pattern = topic.Pattern
	// Patterns is a set of patterns.
	Patterns = topic.Patterns
)

// The lanes.
const (
	Bulk   = bus.Bulk
	Urgent = bus.Urgent
)

// The overflow policies.
const (
	DropOldest = bus.DropOldest
	DropNewest = bus.DropNewest
	Conflate   = bus.Conflate
	Disconnect = bus.Disconnect
)

// The operations that policy decides on.
const (
	OpPublish   = bus.OpPublish
	OpSubscribe = bus.OpSubscribe
	OpRequest   = bus.OpRequest
	OpRespond   = bus.OpRespond
)

// The broker's own topics.
const (
	StatsTarget    = broker.StatsTarget
	IdentityTarget = broker.IdentityTarget
	SlowTopic      = broker.SlowTopic
)

// Bounds of one subscription and of one responder.
const (
	MaxPatterns           = bus.MaxPatterns
	MaxConcurrentRequests = bus.MaxConcurrentRequests
)

// Errors a caller can act on; package bus states when each is returned.
var (
	ErrClosed        = bus.ErrClosed
	ErrPattern       = bus.ErrPattern
	ErrReserved      = bus.ErrReserved
	ErrNoResponder   = bus.ErrNoResponder
	ErrResponderDied = bus.ErrResponderDied
	ErrDenied        = bus.ErrDenied
	ErrOverloaded    = bus.ErrOverloaded
	ErrSubscription  = bus.ErrSubscription
	ErrRunning       = bus.ErrRunning
)

// ParsePattern checks text as a pattern; see topic.ParsePattern.
func ParsePattern(text string, wildcards bool) (Pattern, error) {
	return topic.ParsePattern(text, wildcards)
}

// ParsePatterns parses each of texts with wildcards allowed.
func ParsePatterns(texts ...string) (Patterns, error) { return topic.ParsePatterns(texts...) }

// ParseSubscription decodes the payload of a subscribe frame.
func ParseSubscription(b []byte) (Subscription, error) { return bus.ParseSubscription(b) }

// Now returns CLOCK_MONOTONIC in nanoseconds, the clock of all times on the wire.
func Now() int64 { return frame.Now() }

// CheckPublishTopic checks a topic that a client wants to publish on.
func CheckPublishTopic(name string) error { return endpoint.CheckPublishTopic(name) }

// IdentityOf returns who is behind a source; see bus.IdentityOf.
func IdentityOf(ctx context.Context, b Bus, source uint32) (who Identity, ok bool, err error) {
	return bus.IdentityOf(ctx, b, source)
}

// LatencyBounds returns the upper bounds of Latency.Buckets.
func LatencyBounds() []time.Duration { return bus.LatencyBounds() }
