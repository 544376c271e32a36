package broker

import (
	"encoding/json"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
)

// The broker's own topics.
const (
	// StatsTarget answers a request with Stats in JSON.
	StatsTarget = "system.stats"
	// SlowTopic carries advisories, in JSON, of subscriptions that lose
	// messages: at most one a second for each, with its SubStats.
	SlowTopic = "system.advisory.slow"
)

// statsUnread is how much a client may leave unread of what is addressed to it,
// and still be answered with statistics: they are large, and cost the asker nothing.
const statsUnread = 256 << 10

// answerStats answers a request for statistics, unless the client does not take
// the answers that it has.
func (b *Broker) answerStats(p *Session, id uint64) error {
	if !p.local && p.inbox.Queue.QueuedBytes(bus.Urgent) > statsUnread {
		return bus.ErrOverloaded
	}
	body, err := b.encodedStats(p)
	if err != nil {
		return err
	}
	fields := frame.Fields{
		Type: frame.TypeReply, Priority: frame.NormalPriority, Content: frame.ContentJSON,
		Payload: body, Source: p.id, ID: id, Time: b.now, Sequence: b.seq,
	}
	b.sendControl(p, bus.Urgent, func(dst []byte) []byte {
		out, err := frame.Append(dst, &fields)
		if err != nil {
			panic("router: stats: " + err.Error()) // there is nothing in it that could not be encoded
		}
		return out
	})
	if p.inbox.Queue.QueuedBytes(bus.Urgent) > statsUnread {
		p.press() // the next one that asks should find what was read already written out
	}
	b.checkMemory()
	return nil
}

// encoded are statistics in JSON, as they were at some point.
type encoded struct {
	body     []byte
	turn     int64 // when it began
	messages uint64
	gen      uint64
}

// encodedStats returns statistics of this turn. They cost as much as thousands of
// messages, so a client has them made once a turn at most; and they are made
// once for all clients, if nothing was published or subscribed to meanwhile.
func (b *Broker) encodedStats(p *Session) ([]byte, error) {
	e := &b.encoded
	if e.body != nil && e.turn == b.now && (p.statsTurn == b.now || e.messages == b.stats.total.messages && e.gen == b.index.gen) {
		return e.body, nil
	}
	s := b.snapshot()
	body, err := json.Marshal(s)
	for err == nil && frame.HeaderSize+len(body) > b.opts.MaxMessageSize && len(s.Clients)+len(s.Subscriptions) > 0 {
		s.Clients, s.Subscriptions, s.Truncated = s.Clients[:len(s.Clients)/2], s.Subscriptions[:len(s.Subscriptions)/2], true
		body, err = json.Marshal(s)
	}
	if err != nil {
		return nil, err
	}
	p.statsTurn = b.now
	*e = encoded{body, b.now, b.stats.total.messages, b.index.gen}
	return body, nil
}

// advise publishes who is losing messages. It may be called in the middle of
// routing, so it goes straight to the subscribers of the topic.
func (b *Broker) advise(s *Sub) {
	rt := b.route(SlowTopic)
	if len(rt.unfiltered) == 0 && len(rt.filtered) == 0 && len(rt.groups) == 0 {
		return
	}
	n := s.Queue.Count()
	body, err := json.Marshal(s.stats(&n))
	if err != nil {
		return
	}
	b.seq++
	fields := frame.Fields{
		Type: frame.TypePublish, Priority: frame.NormalPriority, Content: frame.ContentJSON,
		Topic: SlowTopic, Payload: body, Time: b.now, Sequence: b.seq,
	}
	it := b.buildControl(func(dst []byte) []byte {
		out, err := frame.Append(dst, &fields)
		if err != nil {
			panic("router: advise: " + err.Error()) // as above
		}
		return out
	})
	one := []queue.Item{it}
	for _, t := range rt.unfiltered {
		b.deliver(t, rt.lane, one)
	}
	parsed := make([]filter.Message, 1)
	parsed[0].Parse(it.Frame(), rt.needs)
	for _, t := range rt.filtered {
		if t.filter.Match(&parsed[0], SlowTopic, "") {
			b.deliver(t, rt.lane, one)
		}
	}
	for g := range rt.groups {
		b.deliverGroup(&rt.groups[g], rt, one, parsed, "")
	}
	it.Buf.Release(1)
}
