package router

import "github.com/daemoneye/eventbus/frame"

// evictStep is how many messages go at a time, at most, when memory is short.
const evictStep = 256

// relieve brings the memory of all buffers below the limit again: the oldest
// messages of the queue that keeps most memory go first. What a consumer has
// taken already, and what publishers are writing, cannot be taken back; so it
// stops when no queue has anything left.
//
// A buffer is shared by the messages that were read with it. Its memory is free
// when the last of them is gone, so dropping a message may free nothing at
// first; the loop goes on until enough of them are.
func (b *Broker) relieve() {
	for b.pool.Live() > b.opts.MaxMemory {
		s, ln := b.fattest()
		if s == nil {
			return
		}
		n := s.Queue.Evict(ln, s.Queue.share(ln, b.pool.Live()-b.opts.MaxMemory), frame.ReasonMemory, &b.scratch)
		if n == 0 {
			return // its consumer was faster
		}
		if s.ID == 0 { // what it waits for would never come
			s.port.sink.Disconnect(frame.CodeSlow, "answers that it did not take were dropped, for memory is short")
		} else {
			b.stats.dropped(uint64(n))
		}
	}
}

// share returns how many of the lane's messages, by their average, keep excess
// bytes.
func (q *Queue) share(ln Lane, excess int64) int {
	l := &q.lanes[ln]
	n := excess * int64(l.len()) / max(l.weight(), 1)
	return int(min(n+1, evictStep))
}

// inboxShare is the part of MaxMemory that all inboxes together may keep.
const inboxShare = 4

// fattest returns the queue that keeps most memory and can be evicted, of living
// subscriptions and of those that are coming to their end. Bulk lanes come first:
// an urgent lane gives only when no bulk lane has anything. The answers in inboxes
// are left alone as long as they keep to their share; beyond it the fattest inbox
// gives before any subscription, for what a client asks for and does not read must
// not empty the queues of the others.
func (b *Broker) fattest() (*Sub, Lane) {
	var f fattest
	kept := int64(0)
	for _, p := range b.ports {
		kept += f.look(p.inbox, Bulk) + f.look(p.inbox, Urgent)
	}
	if kept > b.opts.MaxMemory/inboxShare {
		return f.sub, f.lane
	}
	f = fattest{}
	if b.lookAtAll(&f, Bulk); f.sub == nil {
		b.lookAtAll(&f, Urgent)
	}
	return f.sub, f.lane
}

func (b *Broker) lookAtAll(f *fattest, ln Lane) {
	for _, subs := range [...][]*Sub{b.index.subs, b.leaving} {
		for _, s := range subs {
			f.look(s, ln)
		}
	}
}

// fattest is the lane that keeps most of those looked at.
type fattest struct {
	sub  *Sub
	lane Lane
	most int64
}

// look returns how much memory the lane keeps, where it can give any.
func (f *fattest) look(s *Sub, ln Lane) int64 {
	l := &s.Queue.lanes[ln]
	if l.len() == 0 {
		return 0
	}
	n := l.weight()
	if n > f.most {
		f.sub, f.lane, f.most = s, ln, n
	}
	return n
}
