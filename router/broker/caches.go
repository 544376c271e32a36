package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
)

// The broker caches two things for each topic: its route, and for each session whether it
// may publish on the topic. The memory of these caches is bounded. When they are full, all
// of them are dropped. So if a client publishes on ever new topics, the only cost for
// others is that their topics are looked up again.

// cacheShare is the part of MaxMemory that the caches may use.
const cacheShare = 16

// chargeCache adds more bytes to the charge of a cache. If that is beyond the bound, it
// drops all caches first, and reports that. If memory is full, queues give way to the
// caches, which are small beside them; the caches go when no queue has anything left.
func (b *Broker) chargeCache(c *charge.Charge, more int64) (dropped bool) {
	if more > b.opts.MaxMemory/cacheShare-b.ledger.Used(charge.Routes) {
		b.dropCaches()
		dropped = true
	}
	c.Force(c.Bytes() + more)
	return dropped
}

// dropCaches drops all cached topics. It makes new maps, because a map keeps the memory of
// the most entries that it ever had.
func (b *Broker) dropCaches() {
	x := &b.index
	if len(x.routes) > 0 {
		x.routes = make(map[string]*route)
	}
	x.charge.Release()
	x.current, x.shrink = x.gen, false
	if cap(x.found) > keptFound {
		x.found = nil
	}
	for _, p := range b.sessions {
		p.dropTopics()
	}
}

// keptFound bounds the capacity of the list of found subscriptions that is kept for reuse.
const keptFound = 4 << 10

// shrinkCaches drops the caches if entries may no longer be of use. When subscriptions have
// changed, entries are stale. When a session has ended, its topics may never be used again.
// Topics that are in use are looked up again.
func (b *Broker) shrinkCaches() {
	if b.index.current != b.index.gen || b.index.shrink {
		b.dropCaches()
	}
}

// lookup returns topic's route for the session, with the error if the session may not
// publish there. The error is cached with the topic.
func (p *Session) lookup(topic []byte) (*sessionTopic, error) {
	b := p.b
	pr := p.routes[string(topic)]
	if pr == nil {
		if err := frame.CheckTopic(topic); err != nil {
			return nil, err
		}
		if len(p.routes) >= maxSessionTopics {
			p.dropTopics()
		}
		pr = &sessionTopic{route: b.route(string(topic))}
		name := pr.route.topic
		switch {
		case pr.route.system:
			pr.err = bus.ErrReserved
		case p.authorize != nil:
			pr.err = p.authorize(bus.OpPublish, name)
		}
		n := int64(sessionTopicBytes)
		if pr.err != nil {
			n += deniedBytes + int64(len(name))
		}
		b.chargeCache(&p.topicCharge, n)
		p.routes[name] = pr
	}
	if pr.route.gen != b.index.gen {
		b.refresh(pr.route)
	}
	if pr.route.reach > 0 { // the search for subscriptions is work of this client
		p.work += searchWork * pr.route.reach
		pr.route.reach = 0
	}
	p.lastTopic = pr
	p.work += lookupWork
	return pr, nil
}

// The work of looking up a topic, in steps, and the work of finding its subscriptions, for
// each of them.
const (
	lookupWork = 4
	searchWork = 8
)

func (p *Session) dropTopics() {
	if len(p.routes) > 0 {
		p.routes = make(map[string]*sessionTopic)
	}
	p.lastTopic = nil
	p.topicCharge.Release()
}

// maxSessionTopics also bounds the number of topics in a session's cache. So a client that
// publishes on ever new topics mostly drops its own cache, and not those of others.
const maxSessionTopics = 1024

// sessionTopic is a topic as one session may use it.
type sessionTopic struct {
	route *route
	err   error // why the session may not publish there
}

// The memory of a sessionTopic with its entry in the map, and the memory of its error if the
// topic is denied. They were measured as the growth of the heap and rounded up.
const (
	sessionTopicBytes = 112
	deniedBytes       = 384
)

// trimQueues gives back the slots of queues that have been empty for a while.
func (b *Broker) trimQueues() {
	for _, s := range b.index.subs {
		s.Queue.TrimIdle()
	}
	for _, p := range b.sessions {
		p.inbox.Queue.TrimIdle()
	}
}
