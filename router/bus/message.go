package bus

import "github.com/daemoneye/eventbus/frame"

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

// Redelivered reports whether the message was queued for another member of this
// subscription's queue group, which left before it took the message.
func (m *Message) Redelivered() bool {
	return m.Gap == nil && m.Frame.Flags()&frame.FlagRedelivered != 0
}

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

// Reason says why messages were dropped.
type Reason = frame.Reason

// Lane is one of a subscription's two ways. Each has a capacity of its own, and
// the urgent one is always served first.
type Lane = frame.Lane

// The lanes.
const (
	Bulk   = frame.LaneBulk
	Urgent = frame.LaneUrgent
)
