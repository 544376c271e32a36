package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/store"
)

// ReplayRule says what the broker keeps in memory of the topics of a pattern.
type ReplayRule = store.Rule

// pastWork is the work of a message of the past that is found, put in order and queued.
const pastWork = 64

// past collects what a new subscription gets before anything live: retained values
// and the replay. That is work of its client.
func (s *Sub) past() *store.Past {
	if !s.spec.Retained && s.spec.ReplayFrom == 0 {
		return new(store.Past)
	}
	b, f := s.session.b, s.entry.Filter
	want := store.Want{Patterns: s.entry.Patterns, From: s.spec.ReplayFrom}
	filterWork := 0
	if f != nil {
		want.Topic, want.Message, want.PerMessage = f.MatchesTopic, s.matches, f.PerMessage
		filterWork = f.Work
	}
	p := b.store.Past(&want, s.spec.Retained, b.seq+1, b.now)
	s.session.work.Add(p.Visited*(1+filterWork) + len(p.Messages)*pastWork)
	return p
}

// open makes the queue ready, with room for the past beside its capacity.
func (s *Sub) open(past *store.Past) {
	p := s.session
	o := &p.b.opts
	overflow := s.spec.Policy()
	s.granted = o.MaxQueued
	if n := s.spec.Queue; n > 0 && n < s.granted {
		s.granted = n
	}
	if s.spec.Respond {
		overflow = bus.DropNewest // a request that does not fit is refused, not lost
	}
	var room [queue.LaneCount]int
	for i := range past.Messages {
		room[past.Messages[i].Lane]++
	}
	s.initLanes()
	s.Queue.Reset(overflow, s.granted+room[bus.Bulk], o.UrgentQueued+room[bus.Urgent], p.local)
	s.Queue.ChargeTo(p.account)
	if p.features&frame.FeatureCredit != 0 {
		s.Queue.AwaitReports(frame.CreditWindow(s.granted))
	}
}

// deliverPast queues the past as it was stored. What the client cannot read is inflated when
// it is taken.
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
		s.compressed = s.compressed || s.session.needsInflating(m.Frame())
		b.deliver(s, m.Lane, []queue.Item{m.Item})
	}
}
