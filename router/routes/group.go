package routes

import "github.com/daemoneye/eventbus/router/bus"

// Group has the members of a queue group that match one topic. Each message goes to one of
// them.
type Group[S any] struct {
	Name    string
	members []*Entry[S]
	next    int
}

// Pick chooses the member for the next message: the one with the most room in its queue. If
// several are equal, they take turns. It skips members for which ok returns false, and
// returns nil if none is left. A nil ok skips none.
func (g *Group[S]) Pick(ln bus.Lane, ok func(*Entry[S]) bool) *Entry[S] {
	var best *Entry[S]
	bestRoom, bestAt := -1, 0
	for i := range g.members {
		at := (g.next + i) % len(g.members)
		e := g.members[at]
		if ok != nil && !ok(e) {
			continue
		}
		if room := e.Queue.Room(ln); room > bestRoom {
			best, bestRoom, bestAt = e, room, at
		}
	}
	if best != nil {
		g.next = bestAt + 1
	}
	return best
}
