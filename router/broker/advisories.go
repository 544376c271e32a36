package broker

import (
	"encoding/json"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
)

// SlowTopic carries advisories, in JSON, of subscriptions that lose messages: at most one
// a second for each, with its SubStats.
//
// A subscription to everything gets the advisories too, and may lose some because of that.
// So a thousand of them would cost a million deliveries at once, and advisories would make
// advisories without an end. Therefore advisories wait for the end of the turn, which has a
// turn's work of them at most, and what they drop makes no others.
const SlowTopic = "system.advisory.slow"

// adviseSlow publishes the advisories of this turn. The others have theirs in the next
// ones.
func (b *Broker) adviseSlow() {
	slow := b.slow.subs
	if len(slow) == 0 {
		return
	}
	n := len(slow)
	if rt := b.routes.Route(SlowTopic); rt.Reaches() {
		b.slow.advising = true
		n = 0
		for work := 0; n < len(slow) && work < TurnWork; n++ {
			if s := slow[n]; !s.stopped {
				b.advise(rt, s)
				work += FrameWork + rt.Work
			}
		}
		b.slow.advising = false
	}
	left := copy(slow, slow[n:])
	clear(slow[left:])
	b.slow.subs = slow[:left]
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
	one := []queue.Item{b.control.Build(func(dst []byte) []byte { return mustAppend(dst, &fields) })}
	for _, t := range rt.Unfiltered {
		b.deliver(t, rt.Lane, one)
	}
	parsed := make([]filter.Message, 1)
	parsed[0].Parse(one[0].Frame(), rt.Needs)
	for _, t := range rt.Filtered {
		if t.entry.Filter.Match(&parsed[0], SlowTopic, "") {
			b.deliver(t, rt.Lane, one)
		}
	}
	for g := range rt.Groups {
		b.deliverGroup(&rt.Groups[g], rt, one, parsed, "")
	}
	one[0].Buf.Release(1)
}
