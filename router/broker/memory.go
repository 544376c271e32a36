package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// Memory is bounded by evicting: what the ledger counts, buffers included, is brought
// below the limit again after each burst, and before anything is taken that can be
// refused. Then the oldest messages of one of the largest queues go first. What a
// consumer has taken already, and what publishers are writing, can't be taken back.

// lowRoom is the part of MaxMemory below which queues are kept in the order of their
// weight; above twice that they are not any more.
const lowRoom = 8

// checkMemory is called when memory was taken. It is short, because it is called after
// each burst.
func (b *Broker) checkMemory() {
	if room := b.ledger.Room(); room < b.ledger.Max()/lowRoom {
		b.lowMemory()
	}
}

func (b *Broker) lowMemory() {
	b.trackWeights()
	if b.ledger.Room() < 0 {
		b.makeRoom(0)
	}
}

// trackWeights begins to keep queues in the order of their weight. That looks at all of
// them, so it is not done again before much has been given back and taken again.
func (b *Broker) trackWeights() {
	if b.weights.tracking {
		return
	}
	b.weights.start()
	for _, p := range b.sessions {
		b.weigh(p.inbox, bus.Bulk)
		b.weigh(p.inbox, bus.Urgent)
	}
	for _, subs := range [...][]*Sub{b.index.subs, b.draining} {
		for _, s := range subs {
			b.weigh(s, bus.Bulk)
			b.weigh(s, bus.Urgent)
		}
	}
}

// makeRoom evicts until n more bytes may be taken; false means that no queue has
// anything left to give.
//
// A buffer is shared by the messages that were read with it. Its memory is free
// when the last of them is gone, so dropping a message may free nothing at
// first; the loop goes on until enough of them are.
func (b *Broker) makeRoom(n int64) bool {
	if b.ledger.Room() >= n {
		return true
	}
	b.trackWeights()
	for b.ledger.Room() < n {
		e := b.largest()
		if e == nil {
			b.dropCaches()
			break
		}
		b.evict(e, n-b.ledger.Room())
	}
	b.refuseEvicted()
	return b.ledger.Room() >= n
}

// evict takes about as many of a queue's oldest messages as keep excess bytes.
func (b *Broker) evict(e *weighed, excess int64) {
	s, q := e.sub, &e.sub.Queue
	before := b.ledger.Room()
	out := q.Evict(e.lane, q.Share(e.lane, excess), frame.ReasonMemory, &b.scratch)
	if len(out) == 0 && b.ledger.Room() == before { // its consumer was faster
		b.weights.remove(e)
		return
	}
	if len(out) > 0 {
		switch {
		case s.ID == 0: // the answer that the client waits for would never come
			s.session.disconnect(frame.CodeSlow, "answers that it did not take were dropped, because memory is short")
		case s.spec.Respond:
			b.noteRequests(out)
			fallthrough
		default:
			b.stats.dropped(uint64(len(out)))
		}
		queue.ReleaseItems(out)
		s.markReady()
	}
	b.weigh(s, e.lane)
	b.weights.rotate(e)
}

// noteRequests remembers requests that were evicted, to be refused by refuseEvicted: an
// answer takes memory, so it is not given in the middle of making room.
func (b *Broker) noteRequests(items []queue.Item) {
	for i := range items {
		f := items[i].Frame()
		b.evicted = append(b.evicted, requestKey{f.Source(), f.ID()})
	}
}

// refuseEvicted tells clients that their requests were dropped because memory is short.
func (b *Broker) refuseEvicted() {
	if b.refusing {
		return // the call of this that goes on takes those as well
	}
	b.refusing = true
	for len(b.evicted) > 0 {
		last := len(b.evicted) - 1
		key := b.evicted[last]
		b.evicted = b.evicted[:last]
		if r := b.pending[key]; r != nil {
			b.settle(key, r)
			b.stats.refuse(frame.ErrMemory)
			r.asker.Refuse(key.id, frame.ErrMemory)
		}
	}
	b.refusing = false
}
