package broker

import (
	"fmt"
	"unsafe"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/routes"
	"github.com/daemoneye/eventbus/router/store"
	"github.com/daemoneye/eventbus/router/topic"
)

// maxSessionEntries and maxSessionBytes bound what the subscriptions of a client list,
// in number and bytes. What they take of memory is charged beside that.
const (
	maxSessionEntries = 4096
	maxSessionBytes   = 1 << 20
)

// Subscribe adds a subscription under an id of the client's choice, which must
// not be 0 or in use, and returns the broker's sequence at that point.
func (p *Session) Subscribe(id uint64, spec bus.Subscription) (*Sub, uint64, error) {
	b := p.b
	b.endBurst()
	p.work.Add(LongWork)
	if p.closed {
		return nil, 0, bus.ErrClosed
	}
	if id == 0 || p.subs[id] != nil {
		return nil, 0, fmt.Errorf("%w: id %d is 0 or in use", bus.ErrSubscription, id)
	}
	if len(p.subs) >= p.limits.MaxSubscriptions {
		return nil, 0, &bus.LimitError{Limit: "max_subscriptions", Max: int64(p.limits.MaxSubscriptions), Got: int64(len(p.subs) + 1)}
	}
	patterns, f, err := filter.Compile(&spec)
	if err != nil {
		return nil, 0, err
	}
	if err := p.limits.checkOverflow(spec.Policy()); err != nil {
		return nil, 0, err
	}
	entries, size := len(patterns)+filter.Entries(&spec), filter.Bytes(&spec)
	if got := p.filterEntries + entries; got > maxSessionEntries {
		return nil, 0, &bus.LimitError{Limit: "max_patterns_and_filter_entries", Max: maxSessionEntries, Got: int64(got)}
	}
	if got := p.filterBytes + size; got > maxSessionBytes {
		return nil, 0, &bus.LimitError{Limit: "max_pattern_and_filter_bytes", Max: maxSessionBytes, Got: int64(got)}
	}
	if err := p.maySubscribe(&spec, patterns); err != nil {
		return nil, 0, err
	}
	held := p.account.Empty(charge.Subscriptions)
	if err := p.account.hold(&held, subscriptionBytes(&spec, patterns)); err != nil {
		return nil, 0, err
	}
	b.makeRoom(0)
	s := &Sub{ID: id, session: p, spec: spec, charge: held, since: b.seq, noted: b.now - int64(Tick)}
	s.entry = routes.Entry[*Sub]{
		Subscription: s, Spec: &s.spec, Queue: &s.Queue, Patterns: patterns, Filter: f,
		Inflated: p.inflates != frame.FlagCompressed,
	}
	visited := b.order.Visited()
	past := s.past()
	s.open(past)
	p.subs[id] = s
	p.filterEntries += entries
	p.filterBytes += size
	b.routes.Add(&s.entry)
	s.deliverPast(past)
	p.work.Add(int(b.order.Visited()-visited) * weighWork)
	return s, b.seq, nil
}

// maySubscribe asks policy for each pattern.
func (p *Session) maySubscribe(spec *bus.Subscription, patterns topic.Patterns) error {
	op := bus.OpSubscribe
	if spec.Respond {
		op = bus.OpRespond
		for _, pat := range patterns {
			if topic.IsReserved(pat.String()) {
				return bus.ErrReserved
			}
		}
	}
	if p.authorize == nil {
		return nil
	}
	for _, pat := range patterns {
		if err := p.authorize(op, pat.String()); err != nil {
			return err
		}
	}
	return nil
}

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
	s.granted = p.limits.MaxQueued
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
	s.addLanes()
	s.Queue.Reset(overflow, s.granted+room[bus.Bulk], o.UrgentQueued+room[bus.Urgent], p.local)
	s.Queue.ChargeTo(p.account.Account)
	if p.features&frame.FeatureCredit != 0 {
		s.Queue.AwaitReports(frame.CreditWindow(s.granted))
	}
}

// deliverPast queues the past as it was stored. What the client cannot read is inflated when
// it is taken.
func (s *Sub) deliverPast(p *store.Past) {
	for ln, l := range p.Lost {
		if l.Count > 0 && !p.Unknown {
			s.Queue.RecordLoss(bus.Lane(ln), l.Count, l.Bytes, frame.ReasonReplay)
			s.markReady()
		}
	}
	if p.Unknown {
		s.Queue.RecordLoss(bus.Bulk, 0, 0, frame.ReasonReplay)
		s.markReady()
	}
	for i := range p.Messages {
		m := &p.Messages[i]
		s.compressed = s.compressed || s.session.needsInflating(m.Frame())
		s.session.b.deliver(s, m.Lane, []queue.Item{m.Item})
	}
}

// The memory of a subscription, measured as that of a session in account.go.
const (
	subBytes     = int64(unsafe.Sizeof(Sub{})) + queue.ReportBytes + 448 // with its entries in lists and maps
	patternBytes = 176                                                   // beside its text and segments
	segmentBytes = 32
)

// subscriptionBytes returns the memory of a subscription, without its queue.
func subscriptionBytes(spec *bus.Subscription, patterns topic.Patterns) int64 {
	n := subBytes + int64(len(spec.SubscriberID)+len(spec.Group)) + filter.Memory(spec)
	for _, p := range patterns {
		n += patternBytes + segmentBytes*int64(p.Segments()) + int64(len(p.String())) + topic.TreeBytes(p)
	}
	return n
}
