package broker

import (
	"cmp"
	"slices"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/store"
	"github.com/daemoneye/eventbus/router/topic"
)

// routes knows which subscriptions a topic reaches. The answer is worked out
// when a topic is first used after a change, and cached as a route; a lookup is
// then one map access, and while a client stays on one topic not even that.
// Routing thread only.
type routes struct {
	subs   []*Sub
	tree   topic.Tree[*Sub]
	found  []*Sub // for a moment
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
	topic      string
	gen        uint64
	step       int // how many messages a burst may have
	lane       bus.Lane
	system     bool
	unfiltered []*Sub // take every message
	filtered   []*Sub // have a filter
	groups     []group
	// responders serve requests for this target.
	responders group
	replay     []*store.Replay
}

func (x *routes) init() { x.routes = make(map[string]*route); x.gen = 1 }

func (x *routes) add(s *Sub) {
	x.gen++
	x.serial++
	s.serial = x.serial
	x.subs = append(x.subs, s)
	for _, p := range s.patterns {
		x.tree.Add(p, s)
	}
}

func (x *routes) remove(s *Sub) {
	x.gen++
	if i := slices.Index(x.subs, s); i >= 0 {
		x.subs = slices.Delete(x.subs, i, i+1)
	}
	for _, p := range s.patterns {
		x.tree.Remove(p, s)
	}
}

// route returns topic's route, made up to date. The topic must be valid.
func (b *Broker) route(name string) *route {
	x := &b.index
	r := x.routes[name]
	if r == nil {
		if len(x.routes) >= maxRoutes {
			clear(x.routes) // sessions keep those that they use
		}
		r = &route{topic: name, system: topic.IsReserved(name)}
		if r.system || b.urgent.Match(name) {
			r.lane = bus.Urgent
		}
		for _, s := range b.replay {
			if s.Takes(name) {
				r.replay = append(r.replay, s)
			}
		}
		x.routes[name] = r
	}
	if r.gen != x.gen {
		x.refresh(r)
	}
	return r
}

func (x *routes) refresh(r *route) {
	r.forget()
	r.gen = x.gen
	r.step = burstLength
	x.found = x.tree.AppendMatches(x.found[:0], r.topic)
	slices.SortFunc(x.found, func(s, o *Sub) int { return cmp.Compare(s.serial, o.serial) }) // in the order in which they came
	x.found = slices.Compact(x.found)                                                        // each once
	for _, s := range x.found {
		if !s.filter.MatchesTopic(r.topic) {
			continue
		}
		r.step = min(r.step, step(s.Queue.Capacity(r.lane)))
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
		case s.filter != nil && s.filter.PerMessage:
			r.filtered = append(r.filtered, s)
		default:
			r.unfiltered = append(r.unfiltered, s)
		}
	}
	clear(x.found) // not to keep subscriptions that have ended
}

// forget drops what the route knew.
func (r *route) forget() {
	clear(r.unfiltered)
	clear(r.filtered)
	clear(r.responders.members)
	r.unfiltered, r.filtered, r.groups, r.responders.members = r.unfiltered[:0], r.filtered[:0], nil, r.responders.members[:0]
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
	for _, p := range b.sessions {
		for _, pr := range p.routes {
			x.forgetStale(pr.route)
		}
		if p.lastTopic != nil {
			x.forgetStale(p.lastTopic.route)
		}
	}
}

func (x *routes) forgetStale(r *route) {
	if r.gen != x.gen {
		r.forget()
	}
}

// lookup returns topic's route for the session, or why it may not use it. Errors
// are cached with the topic.
func (p *Session) lookup(topic []byte) (*sessionTopic, error) {
	pr := p.routes[string(topic)]
	if pr == nil {
		if err := frame.CheckTopic(topic); err != nil {
			return nil, err
		}
		if len(p.routes) >= maxSessionTopics {
			clear(p.routes)
		}
		t := string(topic)
		pr = &sessionTopic{route: p.b.route(t)}
		switch {
		case pr.route.system:
			pr.err = bus.ErrReserved
		case p.authorize != nil:
			pr.err = p.authorize(bus.OpPublish, t)
		}
		p.routes[t] = pr
	}
	if pr.route.gen != p.b.index.gen {
		p.b.index.refresh(pr.route)
	}
	p.lastTopic = pr
	return pr, nil
}

// maxSessionTopics bounds a session's cache of topics; beyond it the cache starts anew.
// A client that makes up topics so has most of the cost itself. Others have some
// when the broker's own cache is full, see maxRoutes: their routes are then worked
// out once more, unless their sessions know them.
const maxSessionTopics = 1024

// sessionTopic is a topic as one session may use it.
type sessionTopic struct {
	route *route
	err   error // why the session may not publish there
}
