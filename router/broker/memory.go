package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// The broker bounds memory by eviction. It brings the memory that the ledger counts, buffers
// included, below the limit after each burst, and before each allocation that can be refused.
// It evicts the oldest messages of one of the largest queues. It cannot evict messages that
// a consumer has dequeued or that a publisher is writing.

// lowRoom is the part of MaxMemory: when less room is left, queues are kept in lists by
// weight. When twice as much room is left, they no longer are.
const lowRoom = 8

// checkMemory is called after memory was allocated. It is short, because that is after each
// burst.
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

// trackWeights begins to keep queues in lists by weight. That visits all queues, so tracking
// ends only when much room is left again.
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

// makeRoom evicts messages until n more bytes are available. It returns false if no queue has
// anything left to evict.
//
// The messages that were read into one buffer share it. The buffer is free only when the last
// of them has been released. So evicting a message may free nothing, and the loop goes on
// until enough buffers are free. Where it has gone on for as often as there are
// subscriptions, and that freed nothing, it empties a queue.
func (b *Broker) makeRoom(n int64) bool {
	if b.ledger.Room() >= n {
		return true
	}
	b.trackWeights()
	for fruitless := 0; b.ledger.Room() < n; {
		e := b.largest()
		if e == nil {
			b.dropCaches()
			break
		}
		before := b.ledger.Room()
		b.evict(e, n-before)
		if fruitless++; b.ledger.Room() > before {
			fruitless = 0
		}
		if fruitless > len(b.index.subs) {
			b.empty(e, n)
			fruitless = 0
		}
	}
	b.refuseEvicted()
	return b.ledger.Room() >= n
}

// empty drops a queue's messages until n bytes are available or none is left, when it gives
// back its slots. It is for messages whose buffers are not freed by that, because a store or
// many other queues have them too. To go on with each queue in turn would drop everything
// before the first queue is empty.
func (b *Broker) empty(e *weighed, n int64) {
	for e.next != nil && b.ledger.Room() < n {
		b.evict(e, b.opts.MaxMemory)
	}
}

// evict drops about as many of a queue's oldest messages as keep excess bytes.
func (b *Broker) evict(e *weighed, excess int64) {
	s, q := e.sub, &e.sub.Queue
	before := b.ledger.Room()
	out := q.Evict(e.lane, q.Share(e.lane, excess), frame.ReasonMemory, &b.scratch)
	if len(out) == 0 && b.ledger.Room() == before { // its consumer has taken them
		b.weights.remove(e)
		return
	}
	if len(out) > 0 {
		switch {
		case s.ID == 0: // an inbox: the client would wait for the dropped answer without an end
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
	if e.class == ofInbox {
		b.weigh(s, e.lane)
	}
	b.weights.rotate(e) // it is weighed when its turn comes again
}

// noteRequests lists requests that were evicted, for refuseEvicted. They are not refused
// here, because an answer takes memory, and the broker is making room.
func (b *Broker) noteRequests(items []queue.Item) {
	for i := range items {
		f := items[i].Frame()
		b.evicted = append(b.evicted, requestKey{f.Source(), f.ID()})
	}
}

// refuseEvicted answers the evicted requests with ErrMemory.
func (b *Broker) refuseEvicted() {
	if b.refusing {
		return // the outer call of refuseEvicted handles the new ones too
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
