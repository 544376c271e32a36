package bus

import (
	"encoding/json"
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/strictjson"
)

// Subscription describes what a subscriber wants to receive. On the wire it is the JSON
// payload of a subscribe frame, with the names given here. Unknown names are an error,
// because a misspelt filter would silently pass everything. Its slices and maps must not
// be changed while it is in use.
type Subscription struct {
	// SubscriberID names the subscriber in statistics and logs.
	SubscriberID string `json:"subscriber_id,omitempty"`
	// Capabilities state what the subscriber can take.
	Capabilities Capabilities `json:"capabilities,omitzero"`
	// Patterns are the topics; at least one, at most MaxPatterns. Patterns that
	// overlap deliver once.
	Patterns []string `json:"topic_patterns"`
	// EnableWildcards allows wildcards in Patterns and in the topics of
	// EventFilter; nil means true.
	EnableWildcards   *bool              `json:"enable_wildcards,omitempty"`
	EventFilter       *EventFilter       `json:"event_filter,omitempty"`
	CorrelationFilter *CorrelationFilter `json:"correlation_filter,omitempty"`
	// Group names a queue group. Each message goes to one of its members. It cannot be
	// combined with Retained or ReplayFrom.
	Group string `json:"group,omitempty"`
	// Overflow states which messages are dropped when the queue is full. The zero value is
	// drop-oldest. Options.Overflows of the broker lists which others are allowed.
	Overflow Overflow `json:"overflow,omitempty"`
	// Queue is the capacity in messages. 0 means the broker's limit, which is also the
	// largest value. Messages for Retained and ReplayFrom have room beside it.
	Queue int `json:"queue,omitempty"`
	// Retained asks for the last value of each matching topic first.
	Retained bool `json:"retained,omitempty"`
	// ReplayFrom asks for the messages in the broker's replay from this broker sequence
	// on: 0 for none, 1 for all. Messages that the replay no longer has are announced as
	// a gap. If the broker has not reached that number yet, the broker assumes that the
	// number is from an earlier run, and sends all, after a gap of unknown size.
	ReplayFrom uint64 `json:"replay_from,omitempty"`
	// Respond makes this a responder. It gets the requests whose target is one of
	// Patterns, which must be literal. It must have no filters. Use Bus.Respond.
	Respond bool `json:"respond,omitempty"`
	// Handler, if set, is called with each message on the goroutine that received it.
	// This is the fastest way, because no other goroutine is woken. It must not block for
	// long, and the Message is valid until it returns. It must not wait for an answer of
	// its own bus (Request, PublishConfirmed, Flush, Subscribe), because over a socket the
	// same goroutine receives that answer. Not on the wire.
	Handler func(*Message) `json:"-"`
}

// Capabilities state which messages a subscriber understands. Others are not sent to it.
type Capabilities struct {
	// EventTypes are the event types understood; empty means all.
	EventTypes []string `json:"event_types,omitempty"`
	// Collectors are the names of wanted publishers; empty or "*" means all.
	Collectors []string `json:"collectors,omitempty"`
	// MaxPriority is the highest wanted priority; nil means 10.
	MaxPriority *uint8 `json:"max_priority,omitempty"`
}

// EventFilter selects messages by their event. All parts that are set must match; of a
// list, one entry must match. The event type is in the extension; if it is missing there,
// it is the topic's second segment. Pids and metadata are in the extension, and a message
// without them does not pass a filter on them.
type EventFilter struct {
	EventTypes  []string          `json:"event_types,omitempty"`
	PIDs        []uint32          `json:"pids,omitempty"`
	MinPriority uint8             `json:"min_priority,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	// Topics are patterns. One of them must match, besides one of the subscription's.
	Topics []string `json:"topics,omitempty"`
	// Sources are names of publishing clients.
	Sources []string `json:"sources,omitempty"`
}

// CorrelationFilter selects messages by correlation metadata. All parts that are set must
// match; of a list, one entry must match. Patterns are at most 32 globs, in which * stands
// for any run of bytes. They are compared with id, parent and root.
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

// AppendJSON appends the subscription as it is sent on the wire.
func (s *Subscription) AppendJSON(dst []byte) ([]byte, error) {
	b, err := json.Marshal(s)
	return append(dst, b...), err
}

// Policy returns Overflow, or its default if it is not set.
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
