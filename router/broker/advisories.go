package broker

import (
	"encoding/json"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
)

// A subscription that loses messages is advised on SlowTopic, at most once a Tick. A
// subscription to everything gets the advisories too, and may lose some by that. So a
// thousand of them would cost a million deliveries at once, and advisories would make
// advisories for ever. Therefore advisories wait for the end of the turn, which has a
// turn's work of them at most, and what they drop makes no others.

// noteSlow lists s to be advised, unless it was a short while ago.
func (b *Broker) noteSlow(s *Sub) {
	if b.advising || b.now-s.noted < int64(Tick) {
		return
	}
	s.noted = b.now
	b.slow = append(b.slow, s)
}

// adviseSlow publishes the advisories of this turn. The others have theirs in the next
// ones.
func (b *Broker) adviseSlow() {
	if len(b.slow) == 0 {
		return
	}
	rt := b.route(SlowTopic)
	if len(rt.unfiltered) == 0 && len(rt.filtered) == 0 && len(rt.groups) == 0 {
		clear(b.slow)
		b.slow = b.slow[:0]
		return
	}
	b.advising = true
	n := 0
	for work := 0; n < len(b.slow) && work < TurnWork; n++ {
		if s := b.slow[n]; !s.stopped {
			b.advise(rt, s)
			work += FrameWork + rt.work
		}
	}
	b.advising = false
	left := copy(b.slow, b.slow[n:])
	clear(b.slow[left:])
	b.slow = b.slow[:left]
}

// advise publishes what s has lost. It does not begin a burst, but delivers directly to
// the subscribers.
func (b *Broker) advise(rt *route, s *Sub) {
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
