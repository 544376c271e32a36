package broker

import (
	"math/bits"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// weights finds a queue that is among the largest, without looking at all of them. The
// lanes that can give something lie in lists by the power of two of their weight. One
// that something is pushed to moves up at once; one that its consumer takes from moves
// down when it is looked at. So each look at a lane that is not evicted from follows a
// push to it, and what a push costs does not depend on how many subscriptions there are.
//
// The lists are kept only while memory is short.
type weights struct {
	tracking bool
	classes  [classCount]class
	inboxes  int64  // what inboxes kept when each was weighed last
	visited  uint64 // lanes that were weighed, in all
}

// The order in which lanes give: an urgent lane only when no bulk lane has anything, and
// inboxes by a rule of their own.
const (
	ofBulk = iota
	ofUrgent
	ofInbox
	classCount
)

// class is the lanes of one of these, by weight.
type class struct {
	first  [64]*weighed // a ring of those whose weight has that many bits
	filled uint64       // bit i: there is a first[i]
}

// weighed is a lane's place in the lists.
type weighed struct {
	sub        *Sub
	next, prev *weighed // nil: it is in no list
	weight     int64    // as it was when it was looked at last
	class      uint8
	lane       bus.Lane
}

func (w *weights) start() { w.tracking = true }

// stop forgets all, and with it what has ended meanwhile.
func (w *weights) stop() {
	for i := range w.classes {
		for w.classes[i].filled != 0 {
			w.remove(w.classes[i].top())
		}
	}
	w.tracking = false
}

// add puts a lane of some weight where it belongs.
func (w *weights) add(e *weighed, weight int64) {
	w.remove(e)
	if weight <= 0 {
		return
	}
	e.weight = weight
	c := &w.classes[e.class]
	i := e.bucket()
	if e.class == ofInbox {
		w.inboxes += weight
	}
	if first := c.first[i]; first != nil {
		e.next, e.prev = first, first.prev
		first.prev.next, first.prev = e, e
		return
	}
	e.next, e.prev = e, e
	c.first[i] = e
	c.filled |= 1 << i
}

func (w *weights) remove(e *weighed) {
	if e.next == nil {
		return
	}
	c := &w.classes[e.class]
	i := e.bucket()
	if e.class == ofInbox {
		w.inboxes -= e.weight
	}
	if e.next == e {
		c.first[i] = nil
		c.filled &^= 1 << i
	} else {
		if c.first[i] == e {
			c.first[i] = e.next
		}
		e.prev.next, e.next.prev = e.next, e.prev
	}
	e.next, e.prev = nil, nil
}

// rotate has the others of a lane's list give before it does again.
func (w *weights) rotate(e *weighed) {
	if e.next == nil {
		return
	}
	if c := &w.classes[e.class]; c.first[e.bucket()] == e {
		c.first[e.bucket()] = e.next
	}
}

func (e *weighed) bucket() int { return bits.Len64(uint64(e.weight)) }

// top returns one of the largest lanes.
func (c *class) top() *weighed {
	if c.filled == 0 {
		return nil
	}
	return c.first[bits.Len64(c.filled)-1]
}

// weigh finds out what a lane keeps now.
func (b *Broker) weigh(s *Sub, ln bus.Lane) {
	w := &b.weights
	e := &s.weighed[ln]
	if e.sub == nil {
		e.sub, e.lane = s, ln
		switch {
		case s.ID == 0:
			e.class = ofInbox
		case ln == bus.Urgent:
			e.class = ofUrgent
		}
	}
	w.visited++
	weight := s.Queue.Weight(ln)
	if e.next != nil && bits.Len64(uint64(weight)) == e.bucket() {
		if e.class == ofInbox {
			w.inboxes += weight - e.weight
		}
		e.weight = weight
		return
	}
	w.add(e, weight)
}

// forget takes a subscription out of the lists, which has ended.
func (w *weights) forget(s *Sub) {
	for i := range s.weighed {
		w.remove(&s.weighed[i])
	}
}

// inboxShare is the part of MaxMemory that all inboxes together may keep.
const inboxShare = 4

// largest returns a lane that can be evicted, of living subscriptions and of those that
// are coming to their end, whose weight is at least half of the largest; nil where there
// is none. The answers in inboxes are left alone as long as they keep to their share;
// beyond it the largest inbox gives before any subscription, because what a client asks
// for and does not read must not empty the queues of the others.
func (b *Broker) largest() *weighed {
	w := &b.weights
	if w.inboxes > b.opts.MaxMemory/inboxShare {
		for _, p := range b.sessions { // they may have been read since
			for ln := range queue.LaneCount {
				b.weigh(p.inbox, bus.Lane(ln))
			}
		}
		if w.inboxes > b.opts.MaxMemory/inboxShare {
			return w.classes[ofInbox].top()
		}
	}
	for _, i := range [...]int{ofBulk, ofUrgent} {
		c := &w.classes[i]
		for e := c.top(); e != nil; e = c.top() {
			before := e.bucket()
			b.weigh(e.sub, e.lane)
			if e.next != nil && e.bucket() >= before {
				return e
			}
		}
	}
	return nil
}
