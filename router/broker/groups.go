package broker

import (
	"cmp"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
)

// group has the members of a queue group that match one topic. Each message goes to one of
// them.
type group struct {
	name    string
	members []*Sub
	next    int
}

// pick chooses the member for the next message: the one with the most room in its queue. If
// several are equal, they take turns. It skips members for which ok returns false, and
// returns nil if none is left.
func (g *group) pick(ln bus.Lane, ok func(*Sub) bool) *Sub {
	var best *Sub
	bestRoom, bestAt := -1, 0
	for i := range g.members {
		at := (g.next + i) % len(g.members)
		s := g.members[at]
		if ok != nil && !ok(s) {
			continue
		}
		if room := s.Queue.Room(ln); cmp.Compare(room, bestRoom) > 0 {
			best, bestRoom, bestAt = s, room, at
		}
	}
	if best != nil {
		g.next = bestAt + 1
	}
	return best
}

// deliverGroup gives each message to one member, and returns how many were queued.
func (b *Broker) deliverGroup(g *group, rt *route, items []queue.Item, messages []filter.Message, source string) (queued int) {
	for i := range items {
		m := &messages[i]
		s := g.pick(rt.lane, func(s *Sub) bool { return s.filter == nil || s.filter.Match(m, rt.topic, source) })
		if s != nil {
			queued += b.deliverInflated(s, rt.lane, items[i:i+1])
		}
	}
	return queued
}

// handOver routes the messages that wait for s, a member that leaves its queue group, to
// other members. It may do so because a group promises that each message goes to one member,
// but promises no order. Messages that match no other member are lost with s.
func (b *Broker) handOver(s *Sub) {
	for _, ln := range [...]bus.Lane{bus.Urgent, bus.Bulk} {
		items := s.Queue.TakeBack(ln, nil, !s.session.local)
		for i := range items {
			it := &items[i]
			if t := b.otherMember(s, it.Frame()); t == nil {
				s.Queue.Lost(ln, 1, uint64(it.Len))
			} else {
				s.Queue.CountHandedOver(ln, 1, uint64(it.Len))
				b.stats.handedOver++
				b.redeliver(t, ln, it.Frame())
			}
		}
		queue.ReleaseItems(items)
	}
}

// otherMember returns the member of s's group to which f is routed now, or nil. The routes no
// longer have s.
func (b *Broker) otherMember(s *Sub, f frame.Frame) *Sub {
	rt := b.route(string(f.Topic()))
	for i := range rt.groups {
		if g := &rt.groups[i]; g.name == s.spec.Group {
			return g.pick(rt.lane, func(t *Sub) bool { return t.filter == nil || t.passes(f, rt.topic) })
		}
	}
	return nil
}

// redeliver queues a copy of f for t, with FlagRedelivered. It is a copy because other
// subscribers share f.
func (b *Broker) redeliver(t *Sub, ln bus.Lane, f frame.Frame) {
	buf := b.pool.Get(len(f))
	buf.B = append(buf.B, f...)
	frame.Frame(buf.B).SetFlags(f.Flags() | frame.FlagRedelivered)
	b.deliverInflated(t, ln, []queue.Item{{Buf: buf, Len: uint32(len(f))}})
	buf.Release(1)
}
