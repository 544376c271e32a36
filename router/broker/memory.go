package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// enforceMemoryLimit brings the memory of all buffers below the limit again: the oldest
// messages of the queue that keeps most memory go first. What a consumer has
// taken already, and what publishers are writing, cannot be taken back; so it
// stops when no queue has anything left.
//
// A buffer is shared by the messages that were read with it. Its memory is free
// when the last of them is gone, so dropping a message may free nothing at
// first; the loop goes on until enough of them are.
func (b *Broker) enforceMemoryLimit() {
	for b.pool.Live() > b.opts.MaxMemory {
		s, ln := b.largestQueue()
		if s == nil {
			return
		}
		n := s.Queue.Evict(ln, s.Queue.Share(ln, b.pool.Live()-b.opts.MaxMemory), frame.ReasonMemory, &b.scratch)
		if n == 0 {
			return // its consumer was faster
		}
		if s.ID == 0 { // what it waits for would never come
			s.session.disconnect(frame.CodeSlow, "answers that it did not take were dropped, for memory is short")
		} else {
			b.stats.dropped(uint64(n))
		}
	}
}

// inboxShare is the part of MaxMemory that all inboxes together may keep.
const inboxShare = 4

// largestQueue returns the queue that keeps most memory and can be evicted, of living
// subscriptions and of those that are coming to their end. Bulk lanes come first:
// an urgent lane gives only when no bulk lane has anything. The answers in inboxes
// are left alone as long as they keep to their share; beyond it the fattest inbox
// gives before any subscription, for what a client asks for and does not read must
// not empty the queues of the others.
func (b *Broker) largestQueue() (*Sub, bus.Lane) {
	var f largest
	kept := int64(0)
	for _, p := range b.sessions {
		kept += f.compare(p.inbox, bus.Bulk) + f.compare(p.inbox, bus.Urgent)
	}
	if kept > b.opts.MaxMemory/inboxShare {
		return f.sub, f.lane
	}
	f = largest{}
	if b.compareAll(&f, bus.Bulk); f.sub == nil {
		b.compareAll(&f, bus.Urgent)
	}
	return f.sub, f.lane
}

func (b *Broker) compareAll(f *largest, ln bus.Lane) {
	for _, subs := range [...][]*Sub{b.index.subs, b.draining} {
		for _, s := range subs {
			f.compare(s, ln)
		}
	}
}

// largest is the lane that keeps most of those looked at.
type largest struct {
	sub  *Sub
	lane bus.Lane
	most int64
}

// compare returns how much memory the lane keeps, where it can give any.
func (f *largest) compare(s *Sub, ln bus.Lane) int64 {
	if s.Queue.Len(ln) == 0 {
		return 0
	}
	n := s.Queue.Weight(ln)
	if n > f.most {
		f.sub, f.lane, f.most = s, ln, n
	}
	return n
}
