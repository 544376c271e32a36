package broker

import (
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/settle"
)

// Credit takes a client's report of what its program has taken. An error is a fault of
// the client.
func (p *Session) Credit(c frame.Credit) error {
	s := p.subs[c.Subscription]
	if s == nil || !s.Queue.Reported() {
		return nil
	}
	if err := s.Queue.Report(c); err != nil {
		return err
	}
	s.settling.ReportCame(c.Lane)
	if s.Queue.Pending() {
		s.markReady()
	}
	return nil
}

// maxSettlers bounds the publishers of a session that settle.
const maxSettlers = 32

// SettlePublisher has answer called when all that is queued now for the subscriptions of a topic
// has been taken or lost, or with an error when the session or the publisher ends before
// that. number is the client's own for the publisher. The first settle of a publisher is
// answered at once. A later one takes the place of one that is not answered yet.
func (p *Session) SettlePublisher(number uint64, name []byte, answer func(frame.Settled, error)) error {
	p.b.endBurst()
	if p.closed {
		return bus.ErrClosed
	}
	t, work, err := p.topics.Find(name)
	p.work.Add(work)
	if err == nil {
		err = t.Err
	}
	if err != nil {
		return err
	}
	w := p.settlers[number]
	begins := w == nil
	switch {
	case begins && len(p.settlers) >= maxSettlers:
		return &bus.LimitError{Limit: "max_settling_publishers", Max: maxSettlers, Got: maxSettlers + 1}
	case begins:
		w = settle.NewPublisher(t.Route.Topic, t.Route.Lane, p.account.Empty(charge.Sessions))
	case w.Topic != string(name):
		return fmt.Errorf("%w: publisher %d publishes on another topic", frame.ErrUnexpected, number)
	}
	if err := p.follow(w, t.Route, begins); err != nil {
		if begins {
			w.End()
		}
		return err
	}
	p.work.Add(w.Len())
	if begins {
		if p.settlers == nil {
			p.settlers = make(map[uint64]*settle.Publisher)
		}
		p.settlers[number] = w
	}
	w.Settle(begins, answer)
	return nil
}

// EndPublisher forgets the publisher with that number.
func (p *Session) EndPublisher(number uint64) {
	if w := p.settlers[number]; w != nil {
		delete(p.settlers, number)
		w.End()
	}
}

// SettleFrame is SettlePublisher for a settle frame of a socket's client, which gets the
// answer as a frame, and EndPublisher for one with the flag drain.
func (p *Session) SettleFrame(f frame.Frame) error {
	if p.features&frame.FeatureSettle == 0 {
		return frame.ErrUnexpected
	}
	number, err := frame.ParseSettle(f.Payload())
	if err != nil {
		return err
	}
	if f.Flags()&frame.FlagDrain != 0 {
		p.EndPublisher(number)
		return nil
	}
	id := f.ID()
	return p.SettlePublisher(number, f.Topic(), func(s frame.Settled, err error) {
		if err != nil {
			return // the client has ended the connection or the publisher
		}
		p.send(bus.Urgent, func(dst []byte) []byte {
			return frame.AppendSettled(frame.AppendControl(dst, frame.TypeSettled, id, p.b.now, frame.SettledSize), s)
		})
	})
}

// follow adds the subscriptions of the publisher's topic that it does not follow yet.
func (p *Session) follow(w *settle.Publisher, r *route, begins bool) error {
	b := p.b
	if w.Generation == b.routes.Generation() {
		return nil
	}
	n := w.Len()
	for range r.Subscribers() {
		n++
	}
	if err := p.account.hold(&w.Charge, w.Memory(n)); err != nil {
		return err
	}
	b.makeRoom(0)
	for s := range r.Subscribers() {
		if s.spec.Policy() == bus.Conflate {
			continue
		}
		if s.settling == nil {
			s.settling = b.settled.NewSubscription(&s.Queue, s.granted, s.spec.Group != "", s.reportRequest())
		}
		w.Follow(s.settling, begins)
	}
	w.Generation = b.routes.Generation()
	w.Charge.Resize(w.Memory(w.Len()))
	return nil
}

// reportRequest returns a function that asks the client of s for a report, or nil if the
// client knows no such request.
func (s *Sub) reportRequest() func(ln bus.Lane, total uint64) {
	p := s.session
	if p.features&frame.FeatureSettle == 0 {
		return nil
	}
	return func(ln bus.Lane, total uint64) {
		// Not the lane of answers, because it must evict none of those.
		p.send(bus.Bulk, func(dst []byte) []byte {
			dst = frame.AppendControl(dst, frame.TypeCredit, s.ID, p.b.now, frame.CreditSize)
			return frame.AppendCredit(dst, frame.Credit{Subscription: s.ID, Lane: ln, Consumed: total})
		})
	}
}
