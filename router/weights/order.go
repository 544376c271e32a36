package weights

import (
	"math/bits"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// Order finds one of the heaviest queues without visiting all of them. Lanes from which
// something can be evicted are in lists, by the power of two of their weight. When a message
// is pushed to a lane, the lane moves up at once. When its consumer dequeues messages, the
// lane moves down only when it is visited next. So each visit to a lane that does not lead to
// an eviction follows a push to that lane, and the cost of a push does not depend on how many
// subscriptions there are.
//
// The lists are kept only while memory is short. S is the subscription that a lane is of.
// One goroutine at a time.
type Order[S any] struct {
	all      []*Lane[S]
	tracking bool
	classes  [classCount]list[S]
	inboxes  int64  // weight of all inboxes, when each was weighed last
	visited  uint64 // how many times a lane was weighed
	scratch  []*Lane[S]
}

// Class states when a lane is evicted from: urgent lanes only when no bulk lane has anything.
// Inboxes have a rule of their own, see Heaviest.
type Class uint8

// The classes.
const (
	Bulk Class = iota
	Urgent
	Inbox
	classCount
)

// list has the lanes of one class, in lists by weight.
type list[S any] struct {
	first  [64]*Lane[S] // a ring of those whose weight has that many bits
	filled uint64       // bit i: there is a first[i]
}

// Lane is a lane of a subscription's queue, with its place in the lists.
type Lane[S any] struct {
	Subscription S
	Class        Class
	Lane         bus.Lane

	at         int32 // its place among all
	queue      *queue.Queue
	next, prev *Lane[S] // nil: it is in no list
	weight     int64    // as it was when it was weighed last
	most       int64    // more than it can have grown to since
}

// Add adds e, a lane of queue q. It must be empty.
func (w *Order[S]) Add(e *Lane[S], s S, q *queue.Queue, ln bus.Lane, inbox bool) {
	e.Subscription, e.queue, e.Lane = s, q, ln
	e.at = int32(len(w.all))
	w.all = append(w.all, e)
	switch {
	case inbox:
		e.Class = Inbox
	case ln == bus.Urgent:
		e.Class = Urgent
	}
}

// Forget removes a lane.
func (w *Order[S]) Forget(e *Lane[S]) {
	w.Remove(e)
	last := len(w.all) - 1
	w.all[e.at] = w.all[last]
	w.all[e.at].at = e.at
	w.all[last] = nil
	w.all = w.all[:last]
}

// Len returns how many lanes there are.
func (w *Order[S]) Len() int { return len(w.all) }

// Listed reports whether the lane is in a list: whether it may have something to evict.
func (e *Lane[S]) Listed() bool { return e.next != nil }

// Tracking reports whether the lists are kept.
func (w *Order[S]) Tracking() bool { return w.tracking }

// Visited returns how many times a lane was weighed.
func (w *Order[S]) Visited() uint64 { return w.visited }

// Track begins to keep the lists. That visits all lanes, so the caller calls Stop only when
// memory has not been short for a while.
func (w *Order[S]) Track() {
	if w.tracking {
		return
	}
	w.tracking = true
	for _, e := range w.all {
		w.Weigh(e)
	}
}

// Stop empties all lists.
func (w *Order[S]) Stop() {
	for i := range w.classes {
		for w.classes[i].filled != 0 {
			w.Remove(w.classes[i].top())
		}
	}
	w.tracking = false
}

// add puts a lane into the list for its weight.
func (w *Order[S]) add(e *Lane[S], weight int64) {
	w.Remove(e)
	if weight <= 0 {
		return
	}
	e.weight = weight
	c := &w.classes[e.Class]
	i := e.bucket()
	if e.Class == Inbox {
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

// Remove takes a lane off the lists, because there is nothing to evict.
func (w *Order[S]) Remove(e *Lane[S]) {
	if e.next == nil {
		return
	}
	c := &w.classes[e.Class]
	i := e.bucket()
	if e.Class == Inbox {
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

// Rotate makes the other lanes of e's list come before e.
func (w *Order[S]) Rotate(e *Lane[S]) {
	if e.next == nil {
		return
	}
	if c := &w.classes[e.Class]; c.first[e.bucket()] == e {
		c.first[e.bucket()] = e.next
	}
}

func (e *Lane[S]) bucket() int { return bits.Len64(uint64(e.weight)) }

// top returns one of the heaviest lanes.
func (c *list[S]) top() *Lane[S] {
	if c.filled == 0 {
		return nil
	}
	return c.first[bits.Len64(c.filled)-1]
}

// Weigh computes a lane's weight and moves it to the list for that.
func (w *Order[S]) Weigh(e *Lane[S]) {
	w.visited++
	weight := e.queue.Weight(e.Lane)
	e.most = weight
	if e.next != nil && bits.Len64(uint64(weight)) == e.bucket() {
		if e.Class == Inbox {
			w.inboxes += weight - e.weight
		}
		e.weight = weight
		return
	}
	w.add(e, weight)
}

// slotWeight is more than what a message adds to the weight of a lane beside its buffer.
const slotWeight = 512

// Pushed is Weigh after items, which lie in one buffer, were pushed. As long as the lane
// can't be too heavy for its list it is not weighed, because a lane that is too light for
// it is noticed when it is about to be evicted from.
func (w *Order[S]) Pushed(e *Lane[S], items []queue.Item) {
	if e.next != nil && e.Class != Inbox {
		e.most += int64(cap(items[0].Buf.B)) + slotWeight*int64(len(items))
		if bits.Len64(uint64(e.most)) <= e.bucket() {
			return
		}
	}
	w.Weigh(e)
}

// Heaviest returns the lane to evict from, or nil if there is none. Its weight is at least half
// of the heaviest. It may be of a subscription that is draining. Inboxes are not evicted from
// while all of them together weigh at most maxInboxes. When they exceed it, the heaviest inbox
// comes before any subscription, because answers that a client does not read must not empty
// the queues of others.
func (w *Order[S]) Heaviest(maxInboxes int64) *Lane[S] {
	if w.inboxes > maxInboxes {
		w.weighInboxes() // clients may have read answers since
		if w.inboxes > maxInboxes {
			return w.classes[Inbox].top()
		}
	}
	for _, i := range [...]Class{Bulk, Urgent} {
		c := &w.classes[i]
		for e := c.top(); e != nil; e = c.top() {
			before := e.bucket()
			w.Weigh(e)
			if e.next != nil && e.bucket() >= before {
				return e
			}
		}
	}
	return nil
}

// weighInboxes weighs the inboxes that are in a list. Others were empty when they were
// weighed, and each push to an inbox weighs it.
func (w *Order[S]) weighInboxes() {
	for _, first := range w.classes[Inbox].first {
		if first == nil {
			continue
		}
		w.scratch = append(w.scratch, first)
		for e := first.next; e != first; e = e.next {
			w.scratch = append(w.scratch, e)
		}
	}
	for _, e := range w.scratch {
		w.Weigh(e)
	}
	clear(w.scratch)
	w.scratch = w.scratch[:0]
}
