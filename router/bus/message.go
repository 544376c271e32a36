package bus

import "github.com/daemoneye/eventbus/frame"

// Message is one delivered message, or a gap. It is a view: Topic, Payload and Extension
// point into a shared buffer. They are valid only until the handler returns, or until the
// end of the loop's turn.
type Message struct {
	// Gap is not nil if messages were lost here. Then only Urgent is set besides.
	Gap *Gap
	// Frame is the frame as it was published, stamped by the broker.
	Frame frame.Frame
	// Payload is the frame's payload, inflated if it was compressed.
	Payload []byte
	// Sequence numbers the messages of this subscription and lane. The numbers of lost
	// messages are in the gaps, so that no number is missing.
	Sequence uint64
	// Urgent means that the message travelled in the urgent lane.
	Urgent bool
	// More means that the next message is already there, so that a program which collects
	// output may delay writing it. For a Handler over a socket it is always false.
	More bool
}

// Topic returns the topic's bytes; string(m.Topic()) keeps them.
func (m *Message) Topic() []byte { return m.Frame.Topic() }

// Redelivered reports whether the message was queued before for another member of this
// subscription's queue group, which left the group before it took the message.
func (m *Message) Redelivered() bool {
	return m.Gap == nil && m.Frame.Flags()&frame.FlagRedelivered != 0
}

// Published returns the time at which the publisher sent the message, in nanoseconds of
// this host's CLOCK_MONOTONIC. Now reads the same clock.
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

// Reason states why messages were dropped.
type Reason = frame.Reason

// Lane is one of a subscription's two lanes. Each has a capacity of its own, and messages
// of the urgent lane are always delivered first.
type Lane = frame.Lane

// The lanes.
const (
	Bulk   = frame.LaneBulk
	Urgent = frame.LaneUrgent
)
