package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/routes"
)

// endBurst delivers the collected burst to the subscriptions of its route, and to the
// stores.
func (b *Broker) endBurst() {
	r := &b.burst
	n := len(r.items)
	if n == 0 {
		return
	}
	rt, p := r.route, r.session
	visited := b.order.Visited()
	p.stats.published += uint64(n)
	p.stats.bytes += r.bytes
	b.stats.CountPublished(uint64(n), r.bytes)
	b.keep(rt, r)
	queued := 0
	compressed := r.flags&frame.FlagCompressed != 0
	for _, s := range rt.Unfiltered {
		if compressed {
			queued += b.deliverInflated(s, rt.Lane, r.items)
			continue
		}
		queued += b.deliver(s, rt.Lane, r.items)
	}
	r.parse()
	for _, s := range rt.Filtered {
		b.picked = b.picked[:0]
		for i := range r.items {
			if s.entry.Filter.Match(&r.messages[i], rt.Topic, p.who.Name) {
				b.picked = append(b.picked, r.items[i])
			}
		}
		queued += b.deliverInflated(s, rt.Lane, b.picked)
	}
	for g := range rt.Groups {
		queued += b.deliverGroup(&rt.Groups[g], rt, r.items, r.messages, p.who.Name)
	}
	p.work.Add(r.steps())
	r.reset()
	r.queued = queued
	b.checkMemory()
	p.work.Add(int(b.order.Visited()-visited) * weighWork)
}

// weighWork is for a lane that is weighed, and mostly evicted from, when memory is short.
const weighWork = 48

// keep has the stores keep messages of the burst: replays all, and the retained values
// those with the retain flag.
func (b *Broker) keep(rt *route, r *burst) {
	retain := r.flags&frame.FlagRetain != 0
	if !retain && len(rt.Replays) == 0 {
		return
	}
	if retain {
		for i := range r.items {
			if r.items[i].Frame().Flags()&frame.FlagRetain != 0 {
				b.stats.RetainedDropped += uint64(b.store.Retain(rt.Topic, rt.Lane, &r.items[i]))
			}
		}
	}
	for _, s := range rt.Replays {
		s.Add(rt.Topic, rt.Lane, r.items, b.now)
	}
	b.store.Charge()
}

// deliverGroup gives each message to one member, and returns how many were queued.
func (b *Broker) deliverGroup(g *routes.Group[*Sub], rt *route, items []queue.Item, messages []filter.Message, source string) (queued int) {
	for i := range items {
		m := &messages[i]
		e := g.Pick(rt.Lane, func(e *routes.Entry[*Sub]) bool { return e.Filter == nil || e.Filter.Match(m, rt.Topic, source) })
		if e != nil {
			queued += b.deliverInflated(e.Subscription, rt.Lane, items[i:i+1])
		}
	}
	return queued
}
