package router

import (
	"cmp"
	"slices"
	"strings"

	"github.com/daemoneye/eventbus/frame"
)

// index knows which subscriptions a topic reaches. The answer is worked out
// when a topic is first used after a change, and cached as a route; a lookup is
// then one map access, and while a client stays on one topic not even that.
// Routing thread only.
type index struct {
	subs   []*Sub
	tree   tree
	finder finder
	serial uint64 // of the last subscription
	routes map[string]*route
	gen    uint64 // counts changes; a route of an older generation is stale
	swept  uint64 // the generation of which no stale route knows a subscription
}

// maxRoutes bounds the cache against clients that make up topics: then it starts
// anew.
const maxRoutes = 1 << 16

// route is a topic with all that follows from it.
type route struct {
	topic  string
	gen    uint64
	lane   Lane
	system bool
	direct []*Sub // take every message
	picky  []*Sub // have a filter
	groups []group
	// responders serve requests for this target.
	responders group
	replay     []*replayStore
}

// group is a queue group as one topic reaches it: one member gets each message.
type group struct {
	name    string
	members []*Sub
	next    int
}

func (x *index) init() { x.routes = make(map[string]*route); x.gen = 1 }

func (x *index) add(s *Sub) {
	x.gen++
	x.serial++
	s.serial = x.serial
	x.subs = append(x.subs, s)
	for _, p := range s.patterns {
		x.tree.add(p, s)
	}
}

func (x *index) remove(s *Sub) {
	x.gen++
	if i := slices.Index(x.subs, s); i >= 0 {
		x.subs = slices.Delete(x.subs, i, i+1)
	}
	for _, p := range s.patterns {
		x.tree.remove(p, s)
	}
}

// route returns topic's route, made up to date. The topic must be valid.
func (b *Broker) route(topic string) *route {
	x := &b.index
	r := x.routes[topic]
	if r == nil {
		if len(x.routes) >= maxRoutes {
			clear(x.routes) // ports keep those that they use
		}
		r = &route{topic: topic, system: isSystem(topic)}
		if r.system || b.urgent.Match(topic) {
			r.lane = Urgent
		}
		for _, s := range b.replay {
			if s.patterns.Match(topic) {
				r.replay = append(r.replay, s)
			}
		}
		x.routes[topic] = r
	}
	if r.gen != x.gen {
		x.refresh(r)
	}
	return r
}

// isSystem reports whether topic is one of the broker's own.
func isSystem(topic string) bool {
	return topic == systemTopic || strings.HasPrefix(topic, systemTopic+".")
}

func (x *index) refresh(r *route) {
	r.forget()
	r.gen = x.gen
	found := x.finder.find(&x.tree, r.topic)
	for _, s := range found {
		if !s.filter.takes(r.topic) {
			continue
		}
		switch {
		case s.spec.Respond:
			r.responders.members = append(r.responders.members, s)
		case s.spec.Group != "":
			i := slices.IndexFunc(r.groups, func(g group) bool { return g.name == s.spec.Group })
			if i < 0 {
				i = len(r.groups)
				r.groups = append(r.groups, group{name: s.spec.Group})
			}
			r.groups[i].members = append(r.groups[i].members, s)
		case s.filter != nil && s.filter.perMessage:
			r.picky = append(r.picky, s)
		default:
			r.direct = append(r.direct, s)
		}
	}
	clear(found) // the finder is not to keep who has gone
}

// forget drops what the route knew.
func (r *route) forget() {
	clear(r.direct)
	clear(r.picky)
	clear(r.responders.members)
	r.direct, r.picky, r.groups, r.responders.members = r.direct[:0], r.picky[:0], nil, r.responders.members[:0]
}

// forgetStale has the routes that are out of date let go of subscriptions that may
// have ended: nobody may ever use those topics again.
func (b *Broker) forgetStale() {
	x := &b.index
	if x.swept == x.gen {
		return
	}
	x.swept = x.gen
	for _, r := range x.routes {
		x.forgetStale(r)
	}
	for _, p := range b.ports {
		for _, pr := range p.routes {
			x.forgetStale(pr.route)
		}
		if p.last != nil {
			x.forgetStale(p.last.route)
		}
	}
}

func (x *index) forgetStale(r *route) {
	if r.gen != x.gen {
		r.forget()
	}
}

// pick chooses the member that gets the next message: the one with the shortest
// queue, in turn among equals. Members that ok refuses are passed over; nil when
// none is left.
func (g *group) pick(ln Lane, ok func(*Sub) bool) *Sub {
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

// lookup returns topic's route for the port, or why it may not use it. Errors
// are cached with the topic.
func (p *Port) lookup(topic []byte) (*portRoute, error) {
	pr := p.routes[string(topic)]
	if pr == nil {
		if err := frame.CheckTopic(topic); err != nil {
			return nil, err
		}
		if len(p.routes) >= maxPortRoutes {
			clear(p.routes)
		}
		t := string(topic)
		pr = &portRoute{route: p.b.route(t)}
		switch {
		case pr.route.system:
			pr.err = ErrReserved
		case p.authorize != nil:
			pr.err = p.authorize(OpPublish, t)
		}
		p.routes[t] = pr
	}
	if pr.route.gen != p.b.index.gen {
		p.b.index.refresh(pr.route)
	}
	p.last = pr
	return pr, nil
}
