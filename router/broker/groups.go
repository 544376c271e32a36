package broker

import (
	"cmp"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// group is a queue group as one topic reaches it: one member gets each message.
type group struct {
	name    string
	members []*Sub
	next    int
}

// pick chooses the member that gets the next message: the one with the shortest
// queue, in turn among equals. Members that ok refuses are passed over; nil when
// none is left.
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

func (b *Broker) deliverGroup(g *group, rt *route, items []queue.Item, source string) {
	for i := range items {
		fr := items[i].Frame()
		s := g.pick(rt.lane, func(s *Sub) bool { return s.filter == nil || s.filter.Match(fr, rt.topic, source) })
		if s != nil {
			b.deliverInflated(s, rt.lane, items[i:i+1])
		}
	}
}
