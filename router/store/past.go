package store

import (
	"cmp"
	"slices"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/topic"
)

// Want is what a subscriber asks of the past.
type Want struct {
	Patterns topic.Patterns
	// Topic, where not nil, is asked once for each topic that a pattern matches.
	Topic func(name string) bool
	// Message, where not nil, is asked for each message of such a topic.
	Message func(f frame.Frame, name string) bool
	// From is the first of the broker's sequences that a replay is asked for.
	From uint64
}

func (w *Want) takesTopic(name string) bool { return w.Topic == nil || w.Topic(name) }

func (w *Want) takes(f frame.Frame, name string) bool { return w.Message == nil || w.Message(f, name) }

// Message is a message of the past. Its item holds no reference of its own: it is
// valid until the store changes.
type Message struct {
	queue.Item
	Lane bus.Lane
}

// Loss is how many messages a replay kept once and has no longer.
type Loss struct{ Count, Bytes uint64 }

// Past is what stores have of the past, each message once and in the order of the
// broker's sequences, when Settle has been called.
type Past struct {
	Messages []Message
	// Lost is what a replay has no longer, by lane.
	Lost [2]Loss
	// Unknown says that a replay has lost messages and can't tell how many.
	Unknown bool
	// Visited is how much work the search was: topics and messages looked at.
	Visited int

	expired []expired
}

// expired is a message that a replay has no longer.
type expired struct {
	sequence uint64
	size     uint32
	lane     bus.Lane
}

// Settle brings what was collected into its order. A message that one store has
// lost and another one has is not lost.
func (p *Past) Settle() {
	bySequence := func(x, y Message) int { return cmp.Compare(x.Frame().Sequence(), y.Frame().Sequence()) }
	slices.SortFunc(p.Messages, bySequence)
	p.Messages = slices.CompactFunc(p.Messages, func(x, y Message) bool { return bySequence(x, y) == 0 })
	slices.SortFunc(p.expired, func(x, y expired) int { return cmp.Compare(x.sequence, y.sequence) })
	at := 0
	for i, e := range p.expired {
		if i > 0 && p.expired[i-1].sequence == e.sequence {
			continue
		}
		for at < len(p.Messages) && p.Messages[at].Frame().Sequence() < e.sequence {
			at++
		}
		if at < len(p.Messages) && p.Messages[at].Frame().Sequence() == e.sequence {
			continue
		}
		l := &p.Lost[e.lane]
		l.Count++
		l.Bytes += uint64(e.size)
	}
}

// HasExpired reports whether a replay has lost something of what was asked for.
func (p *Past) HasExpired() bool { return len(p.expired) > 0 }
