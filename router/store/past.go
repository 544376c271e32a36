package store

import (
	"cmp"
	"slices"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/topic"
)

// Want selects the past messages that a subscriber asks for.
type Want struct {
	Patterns topic.Patterns
	// Topic, if not nil, is called once for each topic that a pattern matches, and
	// reports whether the topic is wanted.
	Topic func(name string) bool
	// Message, if not nil, is called for each message of a wanted topic, and reports
	// whether the message is wanted.
	Message func(f frame.Frame, name string) bool
	// PerMessage means that Message depends on the message, and not only on its topic. So of
	// a message that a replay no longer has it is unknown whether it was wanted.
	PerMessage bool
	// From is the first broker sequence that a replay is asked for; 0 asks for no replay.
	From uint64
}

func (w *Want) takesTopic(name string) bool { return w.Topic == nil || w.Topic(name) }

func (w *Want) takes(f frame.Frame, name string) bool { return w.Message == nil || w.Message(f, name) }

// Message is a past message. Its item holds no reference of its own, so it is valid only
// until the store changes.
type Message struct {
	queue.Item
	Lane bus.Lane
}

// Loss counts messages that a replay once kept and no longer has.
type Loss struct{ Count, Bytes uint64 }

// Past collects past messages from stores. After Settle it has each message once, in the
// order of the broker's sequences.
type Past struct {
	Messages []Message
	// Lost counts messages that a replay no longer has, by lane.
	Lost [2]Loss
	// Unknown means that a replay has lost messages and does not know how many.
	Unknown bool
	// Visited is the work of the search: the number of topics and messages visited.
	Visited int

	expired []expired
}

// expired is a message that a replay no longer has.
type expired struct {
	sequence uint64
	size     uint32
	lane     bus.Lane
}

// Settle sorts what was collected. A message that one store has lost and another still has
// does not count as lost.
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

// HasExpired reports whether a replay no longer has some of the wanted messages.
func (p *Past) HasExpired() bool { return len(p.expired) > 0 }
