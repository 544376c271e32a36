package broker

import (
	"math/bits"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// weights finds one of the largest queues without visiting all of them. Lanes from which
// something can be evicted are in lists, by the power of two of their weight. When a message
// is pushed to a lane, the lane moves up at once. When its consumer dequeues messages, the
// lane moves down only when it is visited next. So each visit to a lane that does not lead to
// an eviction follows a push to that lane, and the cost of a push does not depend on how many
// subscriptions there are.
//
// The lists are kept only while memory is short.
type weights struct {
	tracking bool
	classes  [classCount]class
	inboxes  int64  // weight of all inboxes, when each was weighed last
	visited  uint64 // how many times a lane was weighed
}

// The order in which lanes are evicted from. Urgent lanes come only when no bulk lane has
// anything. Inboxes have a rule of their own, see largest.
const (
	ofBulk = iota
	ofUrgent
	ofInbox
	classCount
)

// class has the lanes of one kind, in lists by weight.
type class struct {
	first  [64]*weighed // a ring of those whose weight has that many bits
	filled uint64       // bit i: there is a first[i]
}

// weighed is a lane's place in the lists.
type weighed struct {
	sub        *Sub
	next, prev *weighed // nil: it is in no list
	weight     int64    // as it was when it was looked at last
	most       int64    // more than it can have grown to since
	class      uint8
	lane       bus.Lane
}

func (w *weights) start() { w.tracking = true }

// stop empties all lists.
func (w *weights) stop() {
	for i := range w.classes {
		for w.classes[i].filled != 0 {
			w.remove(w.classes[i].top())
		}
	}
	w.tracking = false
}

// add puts a lane into the list for its weight.
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

// rotate makes the other lanes of e's list come before e.
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

// weigh computes a lane's weight and moves it to the list for that.
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
	e.most = weight
	if e.next != nil && bits.Len64(uint64(weight)) == e.bucket() {
		if e.class == ofInbox {
			w.inboxes += weight - e.weight
		}
		e.weight = weight
		return
	}
	w.add(e, weight)
}

// slotWeight is more than what a message adds to the weight of a lane beside its buffer.
const slotWeight = 512

// weighPushed is weigh after items, which lie in one buffer, were pushed. As long as the
// lane can't be too heavy for its list it is not weighed, because a lane that is too light
// for it is noticed when it is about to be evicted from.
func (b *Broker) weighPushed(s *Sub, ln bus.Lane, items []queue.Item) {
	e := &s.weighed[ln]
	if e.next != nil && e.class != ofInbox {
		e.most += int64(cap(items[0].Buf.B)) + slotWeight*int64(len(items))
		if bits.Len64(uint64(e.most)) <= e.bucket() {
			return
		}
	}
	b.weigh(s, ln)
}

// forget removes the lanes of a subscription that has ended.
func (w *weights) forget(s *Sub) {
	for i := range s.weighed {
		w.remove(&s.weighed[i])
	}
}

// inboxShare is the part of MaxMemory that all inboxes together may keep.
const inboxShare = 4

// largest returns the lane to evict from, or nil if there is none. Its weight is at least half
// of the largest. It may be of a subscription that is draining. Inboxes are not evicted from
// while all of them together stay within their share. When they exceed it, the largest inbox
// comes before any subscription, because answers that a client does not read must not empty
// the queues of others.
func (b *Broker) largest() *weighed {
	w := &b.weights
	if w.inboxes > b.opts.MaxMemory/inboxShare {
		for _, p := range b.sessions { // clients may have read answers since
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
