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
		b.stats.dropped(uint64(n))
		if s.ID == 0 { // what it waits for would never come
			s.port.sink.Disconnect(frame.CodeSlow, "answers that it did not take were dropped, for memory is short")
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

// fattest returns the queue that keeps most memory and can be evicted, of living
// subscriptions and of those that are coming to their end. Bulk lanes come first:
// an urgent lane gives only when no bulk lane has anything. What is addressed to a
// client of another process counts among these.
func (b *Broker) fattest() (*Sub, Lane) {
	for _, ln := range []Lane{Bulk, Urgent} {
		var fat *Sub
		var most int64
		for _, subs := range [...][]*Sub{b.index.subs, b.leaving} {
			for _, s := range subs {
				l := &s.Queue.lanes[ln]
				if n := l.weight(); n > most && l.len() > 0 {
					fat, most = s, n
				}
			}
		}
		for _, p := range b.ports {
			l := &p.inbox.Queue.lanes[ln]
			if n := l.weight(); !p.local && n > most && l.len() > 0 {
				fat, most = p.inbox, n
			}
		}
		if fat != nil {
			return fat, ln
		}
	}
	return nil, Bulk
}
