package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/store"
)

// ReplayRule says what the broker keeps in memory of the topics of a pattern.
type ReplayRule = store.Rule

// retain keeps the messages of a burst that carry the retain flag, as the last value
// of their topic.
func (b *Broker) retain(rt *route, items []queue.Item) {
	for i := range items {
		if items[i].Frame().Flags()&frame.FlagRetain != 0 {
			b.stats.retainedDropped += uint64(b.retained.Keep(rt.topic, rt.lane, &items[i]))
		}
	}
	b.chargeStores()
}

// chargeStores charges what the stores take beside their buffers. They keep bounds of
// their own.
func (b *Broker) chargeStores() {
	n := b.retained.Beside()
	for _, r := range b.replay {
		n += r.Beside()
	}
	b.stored.Force(n)
}

// past collects what a new subscription gets before anything live: retained values
// and the replay.
func (b *Broker) past(s *Sub) *store.Past {
	p := new(store.Past)
	if !s.spec.Retained && s.spec.ReplayFrom == 0 {
		return p
	}
	want := store.Want{Patterns: s.patterns, From: s.spec.ReplayFrom}
	if s.filter != nil {
		want.Topic, want.Message = s.filter.MatchesTopic, s.passes
	}
	if s.spec.Retained {
		b.retained.Collect(&want, p)
	}
	if s.spec.ReplayFrom > 0 {
		if want.From > b.seq+1 {
			// The broker has not given that number yet: it is of another broker's life.
			want.From, p.Unknown = 1, true
		}
		for _, r := range b.replay {
			r.Trim(b.now)
			r.Collect(&want, p)
		}
		if p.HasExpired() && s.filter != nil && s.filter.PerMessage {
			p.Unknown = true // what those messages held is not known any more
		}
	}
	p.Settle()
	return p
}

// deliverPast queues what past collected; the queue has room for it.
func (b *Broker) deliverPast(s *Sub, p *store.Past) {
	for ln, l := range p.Lost {
		if l.Count > 0 && !p.Unknown {
			s.Queue.Skip(bus.Lane(ln), l.Count, l.Bytes, frame.ReasonReplay)
			s.markReady()
		}
	}
	if p.Unknown {
		s.Queue.Skip(bus.Bulk, 0, 0, frame.ReasonReplay)
		s.markReady()
	}
	for i := range p.Messages {
		m := &p.Messages[i]
		b.queuePast(s, m.Lane, &m.Item)
	}
}

// filterWork is what the filter of s costs for a message.
func (s *Sub) filterWork() int {
	if s.filter == nil {
		return 0
	}
	return s.filter.Work
}

// passes evaluates the filter for a message of the past. Where its client has ended,
// the name of its source is not known, and a filter on that does not pass.
func (s *Sub) passes(f frame.Frame, topic string) bool {
	name := ""
	if p := s.session.b.sessions[f.Source()]; p != nil {
		name = p.who.Name
	}
	m := &s.session.b.parsed
	m.Parse(f, s.filter.Needs)
	return s.filter.Match(m, topic, name)
}

func (b *Broker) expireReplay() {
	for _, r := range b.replay {
		r.Trim(b.now)
	}
	b.chargeStores()
}

// releaseStores gives back what replay and retained values hold.
func (b *Broker) releaseStores() {
	for _, r := range b.replay {
		r.Release()
	}
	b.retained.Release()
	if b.control != nil {
		b.control.Release(1)
		b.control = nil
	}
}
