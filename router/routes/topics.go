package routes

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
)

// Topics caches the topics that one session publishes on, and whether it may.
type Topics[S any] struct {
	table     *Table[S]
	authorize bus.Authorize
	topics    map[string]*Topic[S]
	last      *Topic[S] // that was looked up
	charge    charge.Charge
	at        int // its place in the table
}

// Topic is a topic as one session may use it.
type Topic[S any] struct {
	Route *Route[S]
	Err   error // why the session may not publish there
}

// Init prepares an empty cache, which Close removes from the table again. authorize may be
// nil. The cache is charged to the account.
func (c *Topics[S]) Init(t *Table[S], authorize bus.Authorize, a *charge.Account) {
	*c = Topics[S]{
		table: t, authorize: authorize, topics: make(map[string]*Topic[S]),
		charge: a.Empty(charge.Routes), at: len(t.topics),
	}
	t.topics = append(t.topics, c)
}

// Close drops the cache of a session that has ended. A second call does nothing.
func (c *Topics[S]) Close() {
	t := c.table
	if c.at < 0 {
		return
	}
	last := len(t.topics) - 1
	t.topics[c.at] = t.topics[last]
	t.topics[c.at].at = c.at
	t.topics[last] = nil
	t.topics = t.topics[:last]
	c.at = -1
	c.drop()
	t.ended = true
}

// Last returns the topic that was looked up last, if it is that and is up to date, or else
// nil.
func (c *Topics[S]) Last(topic []byte) *Topic[S] {
	if p := c.last; p != nil && string(topic) == p.Route.Topic && p.Route.generation == c.table.generation {
		return p
	}
	return nil
}

// The work of looking up a topic, in steps, and the work of finding its subscriptions, for
// each of them.
const (
	lookupWork = 4
	searchWork = 8
)

// Find looks a topic up, and returns the steps that it took. An error means that the topic
// is not valid. Whether the session may publish there is cached with the topic.
func (c *Topics[S]) Find(topic []byte) (p *Topic[S], work int, err error) {
	t := c.table
	p = c.topics[string(topic)]
	if p == nil {
		if err := frame.CheckTopic(topic); err != nil {
			return nil, 0, err
		}
		if len(c.topics) >= maxTopics {
			c.drop()
		}
		p = &Topic[S]{Route: t.Route(string(topic))}
		name := p.Route.Topic
		switch {
		case p.Route.System:
			p.Err = bus.ErrReserved
		case c.authorize != nil:
			p.Err = c.authorize(bus.OpPublish, name)
		}
		n := int64(topicBytes)
		if p.Err != nil {
			n += deniedBytes + int64(len(name))
		}
		t.chargeCache(&c.charge, n)
		c.topics[name] = p
	}
	if p.Route.generation != t.generation {
		t.refresh(p.Route)
	}
	work = lookupWork + searchWork*p.Route.reach // the search is work of this client
	p.Route.reach = 0
	c.last = p
	return p, work, nil
}

func (c *Topics[S]) drop() {
	if len(c.topics) > 0 {
		c.topics = make(map[string]*Topic[S])
	}
	c.last = nil
	c.charge.Release()
}

// maxTopics also bounds the number of topics in a session's cache. So a client that
// publishes on ever new topics mostly drops its own cache, and not those of others.
const maxTopics = 1024

// The memory of a Topic with its entry in the map, and the memory of its error if the topic
// is denied. They were measured as the growth of the heap and rounded up.
const (
	topicBytes  = 112
	deniedBytes = 384
)
