package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
)

// What is known of topics is a cache: the broker's routes, and what each session may do
// with a topic. It is bounded by weight, and begins anew when it is full. A client that
// makes up topics so costs others no more than that their topics are looked up again.

// cacheShare is the part of MaxMemory that the caches may take.
const cacheShare = 16

// chargeCache adds more bytes to what a cache is charged for. Where that is too much, all
// caches are dropped first, which it reports.
func (b *Broker) chargeCache(c *charge.Charge, more int64) (dropped bool) {
	if more > b.opts.MaxMemory/cacheShare-b.ledger.Used(charge.Routes) || more > b.ledger.Room() {
		b.dropCaches()
		dropped = true
	}
	c.Force(c.Bytes() + more)
	return dropped
}

// dropCaches forgets what is known of topics. Maps are made anew, because a map keeps the
// memory of the most that it ever held.
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

// keptFound is how large a list of what was found is kept to be used again.
const keptFound = 4 << 10

// shrinkCaches drops what may be of no use any more: when subscriptions have changed,
// what is cached is stale, and when a session has ended, nobody may ever use its topics
// again. What is in use is looked up again.
func (b *Broker) shrinkCaches() {
	if b.index.current != b.index.gen || b.index.shrink {
		b.dropCaches()
	}
}

// lookup returns topic's route for the session, or why it may not use it. Errors
// are cached with the topic.
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
	if pr.route.reach > 0 { // it was worked out for this client
		p.work += searchWork * pr.route.reach
		pr.route.reach = 0
	}
	p.lastTopic = pr
	p.work += lookupWork
	return pr, nil
}

// What looking up a topic costs, in steps; and to find out what it reaches, for each
// subscription that has a pattern for it.
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

// maxSessionTopics bounds a session's cache of topics by number too, so that a client
// that makes up topics has most of the cost itself.
const maxSessionTopics = 1024

// sessionTopic is a topic as one session may use it.
type sessionTopic struct {
	route *route
	err   error // why the session may not publish there
}

// What a sessionTopic takes with its place in the map, and the error of one that is
// denied; measured as the growth of the heap and rounded up.
const (
	sessionTopicBytes = 112
	deniedBytes       = 384
)

// trimQueues gives back slots of queues that were empty for a while.
func (b *Broker) trimQueues() {
	for _, s := range b.index.subs {
		s.Queue.TrimIdle()
	}
	for _, p := range b.sessions {
		p.inbox.Queue.TrimIdle()
	}
}
