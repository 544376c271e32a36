package bus

import (
	"encoding/json"
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/strictjson"
)

// Subscription says what a subscriber wants. On the wire it is the JSON payload
// of a subscribe frame, with the names given here; unknown names are an error,
// for a filter that is misspelt would silently pass everything. What it holds must
// not be changed while it is in use.
type Subscription struct {
	// SubscriberID names the subscriber in statistics and logs.
	SubscriberID string `json:"subscriber_id,omitempty"`
	// Capabilities say what the subscriber can take.
	Capabilities Capabilities `json:"capabilities,omitzero"`
	// Patterns are the topics; at least one, at most MaxPatterns. Patterns that
	// overlap deliver once.
	Patterns []string `json:"topic_patterns"`
	// EnableWildcards allows wildcards in Patterns and in the topics of
	// EventFilter; nil means true.
	EnableWildcards   *bool              `json:"enable_wildcards,omitempty"`
	EventFilter       *EventFilter       `json:"event_filter,omitempty"`
	CorrelationFilter *CorrelationFilter `json:"correlation_filter,omitempty"`
	// Group names a queue group: of all its members, each message goes to one. It
	// cannot be had together with Retained or ReplayFrom.
	Group string `json:"group,omitempty"`
	// Overflow says what goes when the queue is full; the zero value is
	// drop-oldest. The broker may allow others only in part: Options.Overflows.
	Overflow Overflow `json:"overflow,omitempty"`
	// Queue is the capacity in messages; 0 means the broker's limit, which also
	// caps it. What Retained and ReplayFrom ask for has room beside it.
	Queue int `json:"queue,omitempty"`
	// Retained asks for the last value of each matching topic first.
	Retained bool `json:"retained,omitempty"`
	// ReplayFrom asks for what the broker's replay holds from this broker
	// sequence on; 0 for none, 1 for everything. What the replay held and has no
	// longer is announced as a gap. A number that the broker has not given yet is
	// taken for one of an earlier broker's life: everything, after a gap of
	// unknown size.
	ReplayFrom uint64 `json:"replay_from,omitempty"`
	// Respond makes this a responder: it gets the requests whose target is one
	// of Patterns, which must be literal; filters are not for it. Use Bus.Respond.
	Respond bool `json:"respond,omitempty"`
	// Handler, where set, is called with each message on the goroutine that
	// received it: the shortest way, without a hand-over. It must not block for
	// long, and the Message is valid until it returns. It must not wait for an
	// answer of its own bus (Request, Flush, Subscribe): over a socket that comes by
	// the same goroutine. Not on the wire.
	Handler func(*Message) `json:"-"`
}

// Capabilities say what a subscriber can take; what it cannot is not sent.
type Capabilities struct {
	// EventTypes are the event types understood; empty means all.
	EventTypes []string `json:"event_types,omitempty"`
	// Collectors are the names of the sources wanted; empty or "*" means all.
	Collectors []string `json:"collectors,omitempty"`
	// MaxPriority is the highest priority taken; nil means 10.
	MaxPriority *uint8 `json:"max_priority,omitempty"`
}

// EventFilter selects by what a message says of its event. All parts that are
// set must hold; within a list any entry will do. The event type is the
// extension's, or else the topic's second segment; pids and metadata are the
// extension's, and a message without them does not pass a filter on them.
type EventFilter struct {
	EventTypes  []string          `json:"event_types,omitempty"`
	PIDs        []uint32          `json:"pids,omitempty"`
	MinPriority uint8             `json:"min_priority,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	// Topics are patterns, one of which must match beside the subscription's.
	Topics []string `json:"topics,omitempty"`
	// Sources are the names of publishing connections.
	Sources []string `json:"sources,omitempty"`
}

// CorrelationFilter selects by correlation metadata. All parts that are set
// must hold; within a list any entry will do. Patterns are globs, at most 32, in
// which * stands for any run of bytes; they are tried on id, parent and root.
type CorrelationFilter struct {
	IDs            []string          `json:"ids,omitempty"`
	Patterns       []string          `json:"patterns,omitempty"`
	ParentIDs      []string          `json:"parent_ids,omitempty"`
	RootIDs        []string          `json:"root_ids,omitempty"`
	WorkflowStages []string          `json:"workflow_stages,omitempty"`
	RequiredTags   map[string]string `json:"required_tags,omitempty"`
	AnyTags        map[string]string `json:"any_tags,omitempty"`
	MinSequence    *uint64           `json:"min_sequence,omitempty"`
	MaxSequence    *uint64           `json:"max_sequence,omitempty"`
}

// Bounds of one subscription.
const (
	MaxPatterns        = 64
	MaxFilterEntries   = 1024
	MaxSubscriberID    = 256
	maxSubscriptionLen = 64 << 10
)

// ParseSubscription decodes the payload of a subscribe frame.
func ParseSubscription(b []byte) (Subscription, error) {
	var s Subscription
	if err := strictjson.Unmarshal(b, &s, strictjson.Options{MaxBytes: maxSubscriptionLen}); err != nil {
		return Subscription{}, fmt.Errorf("%w: %v", ErrSubscription, err)
	}
	return s, nil
}

// AppendJSON appends the subscription as it stands on the wire.
func (s *Subscription) AppendJSON(dst []byte) ([]byte, error) {
	b, err := json.Marshal(s)
	return append(dst, b...), err
}

func (s *Subscription) Policy() Overflow {
	if s.Overflow == "" {
		return DropOldest
	}
	return s.Overflow
}

// PriorityLimit returns the highest priority that the capabilities admit.
func (c *Capabilities) PriorityLimit() uint8 {
	if c.MaxPriority == nil {
		return frame.MaxPriority
	}
	return *c.MaxPriority
}
