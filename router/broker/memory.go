package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/requests"
	"github.com/daemoneye/eventbus/router/weights"
)

// The broker bounds memory by eviction. It brings the memory that the ledger counts, buffers
// included, below the limit after each burst, and before each allocation that can be refused.
// It evicts the oldest messages of one of the largest queues. It cannot evict messages that
// a consumer has dequeued or that a publisher is writing.

const (
	// lowRoomDivisor: queues are kept in order of their weight when less than
	// MaxMemory/lowRoomDivisor is free, until twice as much is free.
	lowRoomDivisor = 8
	// inboxDivisor: all inboxes together may keep MaxMemory/inboxDivisor.
	inboxDivisor = 4
)

// checkMemory is called after memory was allocated.
func (b *Broker) checkMemory() {
	if b.ledger.Room() < b.ledger.Max()/lowRoomDivisor {
		b.order.Track()
		b.makeRoom(0)
	}
}

// EvictToLimit evicts until no more than MaxMemory is kept. It returns how many bytes are
// kept beyond that all the same, by what cannot be evicted. A Driver whose clients keep it
// ends one of them.
func (b *Broker) EvictToLimit() (excess int64) {
	if b.ledger.Room() < 0 {
		b.checkMemory()
	}
	return max(0, -b.ledger.Room())
}

// makeRoom evicts messages until n more bytes are available. It returns false if no queue has
// anything left to evict.
//
// The messages that were read into one buffer share it. The buffer is free only when the last
// of them has been released. So evicting a message may free nothing, and the loop goes on
// until enough buffers are free. If as many evictions as there are lanes have freed nothing,
// it empties one lane.
func (b *Broker) makeRoom(n int64) bool {
	if b.ledger.Room() >= n {
		return true
	}
	b.order.Track()
	for fruitless := 0; b.ledger.Room() < n; {
		e := b.order.Heaviest(b.opts.MaxMemory / inboxDivisor)
		if e == nil {
			b.routes.Drop()
			break
		}
		before := b.ledger.Room()
		b.evict(e, n-before)
		if fruitless++; b.ledger.Room() > before {
			fruitless = 0
		}
		if fruitless > b.order.Len() {
			b.empty(e, n)
			fruitless = 0
		}
	}
	return b.ledger.Room() >= n
}

// empty drops a lane's messages until n bytes are available or none is left. An empty lane
// frees its slots. It is for messages whose buffers stay, because a store or many other
// queues have them too. Evicting from all queues in turn would free no slots until everything
// was dropped, because no queue would become empty before.
func (b *Broker) empty(e *weights.Lane[*Sub], n int64) {
	for e.Listed() && b.ledger.Room() < n {
		b.evict(e, b.opts.MaxMemory)
	}
}

// evict drops about as many of a queue's oldest messages as keep excess bytes.
func (b *Broker) evict(e *weights.Lane[*Sub], excess int64) {
	s := e.Subscription
	q := &s.Queue
	before := b.ledger.Room()
	out := q.Evict(e.Lane, q.Share(e.Lane, excess), frame.ReasonMemory, &b.scratch)
	if len(out) == 0 && b.ledger.Room() == before { // its consumer has taken them
		b.order.Remove(e)
		return
	}
	if len(out) > 0 {
		switch {
		case e.Class == weights.Inbox: // the client would wait for the dropped answer without an end
			s.session.disconnect(frame.CodeSlow, "answers that it did not take were dropped, because memory is short")
		case s.spec.Respond:
			b.noteEvicted(out)
			fallthrough
		default:
			b.stats.CountDropped(uint64(len(out)))
			s.settling.NoteDropped()
		}
		queue.ReleaseItems(out)
		s.markReady()
	}
	if e.Class == weights.Inbox {
		b.order.Weigh(e)
	}
	b.order.Rotate(e) // it is weighed when its turn comes again
}

// noteEvicted lists requests that were evicted, for refuseEvicted. They are not refused
// here, because an answer takes memory, and the broker is making room.
func (b *Broker) noteEvicted(items []queue.Item) {
	for i := range items {
		f := items[i].Frame()
		b.evicted = append(b.evicted, requests.Key{Source: f.Source(), ID: f.ID()})
	}
}
