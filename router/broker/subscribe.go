package broker

import (
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/routes"
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
	if len(p.subs) >= b.opts.MaxSubscriptions {
		return nil, 0, &bus.LimitError{Limit: "max_subscriptions", Max: int64(b.opts.MaxSubscriptions), Got: int64(len(p.subs) + 1)}
	}
	patterns, f, err := filter.Compile(&spec)
	if err != nil {
		return nil, 0, err
	}
	if err := b.opts.checkOverflow(spec.Policy()); err != nil {
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
	if err := p.hold(&held, subscriptionBytes(&spec, patterns)); err != nil {
		return nil, 0, err
	}
	s := &Sub{ID: id, session: p, spec: spec, charge: held, since: b.seq, noted: b.now - int64(Tick)}
	s.entry = routes.Entry[*Sub]{
		Subscription: s, Spec: &s.spec, Queue: &s.Queue, Patterns: patterns, Filter: f,
		Inflated: p.inflates != frame.FlagCompressed,
	}
	past := s.past()
	s.open(past)
	p.subs[id] = s
	p.filterEntries += entries
	p.filterBytes += size
	b.routes.Add(&s.entry)
	b.deliverPast(s, past)
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
