package router

import (
	"encoding/json"

	"github.com/daemoneye/eventbus/frame"
)

// The broker's own topics.
const (
	// StatsTarget answers a request with Stats in JSON.
	StatsTarget = "system.stats"
	// SlowTopic carries advisories, in JSON, of subscriptions that lose
	// messages: at most one a second for each, with its SubStats.
	SlowTopic = "system.advisory.slow"
)

func (b *Broker) answerStats(p *Port, id uint64) {
	s := b.snapshot()
	body, err := json.Marshal(s)
	for err == nil && frame.HeaderSize+len(body) > b.opts.MaxMessageSize && len(s.Clients)+len(s.Subscriptions) > 0 {
		s.Clients, s.Subscriptions, s.Truncated = s.Clients[:len(s.Clients)/2], s.Subscriptions[:len(s.Subscriptions)/2], true
		body, err = json.Marshal(s)
	}
	if err != nil {
		p.Refuse(id, err)
		return
	}
	fields := frame.Fields{
		Type: frame.TypeReply, Priority: frame.NormalPriority, Content: frame.ContentJSON,
		Payload: body, Source: p.id, ID: id, Time: b.now, Sequence: b.seq,
	}
	b.tell(p, func(dst []byte) []byte {
		out, err := frame.Append(dst, &fields)
		if err != nil {
			panic("router: stats: " + err.Error()) // there is nothing in it that could not be encoded
		}
		return out
	})
}

// advise publishes who is losing messages. It may be called in the middle of
// routing, so it goes straight to the subscribers of the topic.
func (b *Broker) advise(s *Sub) {
	rt := b.route(SlowTopic)
	if len(rt.direct) == 0 && len(rt.picky) == 0 && len(rt.groups) == 0 {
		return
	}
	n := s.Queue.Count()
	body, err := json.Marshal(SubStats{
		Source: s.port.id, ID: s.ID, Name: s.Name(), Patterns: s.spec.Patterns, Overflow: s.spec.overflow(),
		Capacity: s.Queue.lanes[Bulk].capacity, Matched: n.Matched, Delivered: n.Delivered, Dropped: n.Dropped,
		Queued: n.Queued + n.Taken, QueuedBytes: n.QueuedBytes,
	})
	if err != nil {
		return
	}
	b.seq++
	fields := frame.Fields{
		Type: frame.TypePublish, Priority: frame.NormalPriority, Content: frame.ContentJSON,
		Topic: SlowTopic, Payload: body, Time: b.now, Sequence: b.seq,
	}
	it := b.say(func(dst []byte) []byte {
		out, err := frame.Append(dst, &fields)
		if err != nil {
			panic("router: advise: " + err.Error()) // as above
		}
		return out
	})
	one := []Item{it}
	for _, t := range rt.direct {
		b.deliver(t, rt.lane, one)
	}
	for _, t := range rt.picky {
		if t.filter.match(it.Frame(), SlowTopic, "") {
			b.deliver(t, rt.lane, one)
		}
	}
	for g := range rt.groups {
		b.deliverGroup(&rt.groups[g], rt, one, "")
	}
	it.Buf.Release(1)
}
