package broker

import (
	"cmp"
	"slices"
	"unsafe"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/store"
	"github.com/daemoneye/eventbus/router/topic"
)

// routes knows which subscriptions a topic reaches. The answer is worked out
// when a topic is first used after a change, and cached as a route; a lookup is
// then one map access, and while a client stays on one topic not even that.
// Routing thread only.
type routes struct {
	subs    []*Sub
	tree    topic.Tree[*Sub]
	found   []*Sub // for a moment
	search  uint64 // counts them
	serial  uint64 // of the last subscription
	routes  map[string]*route
	charge  charge.Charge
	gen     uint64 // counts changes; a route of an older generation is stale
	current uint64 // the generation at which the caches were last looked through
	shrink  bool   // a session has ended since then
}

// route is a topic with all that follows from it.
type route struct {
	topic      string
	gen        uint64
	step       int          // how many messages a burst may have
	work       int          // steps that a message costs
	reach      int          // how many patterns were found, until that is counted as work
	inflates   bool         // a client that it reaches gets messages inflated
	pairs      int          // filters that look at tags or metadata
	needs      filter.Needs // of the filters
	lane       bus.Lane
	system     bool
	unfiltered []*Sub // take every message
	filtered   []*Sub // have a filter
	groups     []group
	// responders serve requests for this target.
	responders group
	replay     []*store.Replay
	bytes      int64 // that it is charged for
}

func (x *routes) init() { x.routes = make(map[string]*route); x.gen, x.current = 1, 1 }

func (x *routes) add(s *Sub) {
	x.gen++
	x.serial++
	s.serial = x.serial
	s.at = len(x.subs)
	x.subs = append(x.subs, s)
	for _, p := range s.patterns {
		x.tree.Add(p, s)
	}
}

func (x *routes) remove(s *Sub) {
	x.gen++
	last := len(x.subs) - 1
	x.subs[s.at] = x.subs[last]
	x.subs[s.at].at = s.at
	x.subs[last] = nil
	x.subs = x.subs[:last]
	for _, p := range s.patterns {
		x.tree.Remove(p, s)
	}
}

// match returns the subscriptions with a pattern for a topic, each once, in the order in
// which they came.
func (x *routes) match(name string) []*Sub {
	x.search++
	x.found = x.tree.AppendMatches(x.found[:0], name)
	found := x.found[:0]
	for _, s := range x.found {
		if s.found != x.search { // by another pattern
			s.found = x.search
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(s, o *Sub) int { return cmp.Compare(s.serial, o.serial) })
	return found
}

// route returns topic's route, made up to date. The topic must be valid.
func (b *Broker) route(name string) *route {
	x := &b.index
	r := x.routes[name]
	if r == nil {
		r = &route{topic: name, system: topic.IsReserved(name)}
		if r.system || b.urgent.Match(name) {
			r.lane = bus.Urgent
		}
		for _, s := range b.replay {
			if s.Takes(name) {
				r.replay = append(r.replay, s)
			}
		}
		b.refresh(r)
		x.routes[name] = r
	}
	if r.gen != x.gen {
		b.refresh(r)
	}
	return r
}

// refresh works out what a route's topic reaches.
func (b *Broker) refresh(r *route) {
	x := &b.index
	r.unfiltered, r.filtered, r.groups, r.responders.members = nil, nil, nil, nil
	r.gen = x.gen
	r.step, r.inflates = burstLength, false
	found := x.match(r.topic)
	r.reach = 1 + len(x.found)
	b.chargeRoute(r, routeBytes+int64(len(r.topic))+2*memberBytes*int64(len(found)))
	for _, s := range found {
		if !s.filter.MatchesTopic(r.topic) {
			continue
		}
		r.step = min(r.step, step(s.Queue.Capacity(r.lane)))
		r.inflates = r.inflates || s.session.inflates != frame.FlagCompressed
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
	r.setWork()
	b.chargeRoute(r, r.size())
}

// What a route takes, measured as the growth of the heap and rounded up.
const (
	routeBytes  = 320 // with its place in the map
	memberBytes = int64(unsafe.Sizeof((*Sub)(nil)))
	groupBytes  = int64(unsafe.Sizeof(group{}))
)

// size returns how much memory the route takes.
func (r *route) size() int64 {
	n := routeBytes + int64(len(r.topic)) + groupBytes*int64(cap(r.groups))
	n += memberBytes * int64(cap(r.unfiltered)+cap(r.filtered)+cap(r.responders.members)+cap(r.replay))
	for i := range r.groups {
		n += memberBytes * int64(cap(r.groups[i].members))
	}
	return n
}

func (b *Broker) chargeRoute(r *route, n int64) {
	if more := n - r.bytes; more > 0 {
		if b.chargeCache(&b.index.charge, more) {
			b.index.charge.Force(n) // all else was dropped
		}
	} else {
		b.index.charge.Force(b.index.charge.Bytes() + more)
	}
	r.bytes = n
}
