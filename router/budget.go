package router

import "github.com/daemoneye/eventbus/frame"

// evictStep is how many messages go at a time when memory is short.
const evictStep = 64

// relieve brings the memory of all buffers below the limit again: the oldest
// messages of the queue that holds most bytes go first. What a consumer has
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
		n := s.Queue.Evict(ln, evictStep, frame.ReasonMemory, &b.scratch)
		if n == 0 {
			return
		}
		b.stats.dropped(uint64(n))
	}
}

// fattest returns the queue with most bytes that can be evicted. Bulk lanes
// come first: an urgent lane gives only when no bulk lane has anything.
func (b *Broker) fattest() (*Sub, Lane) {
	for _, ln := range []Lane{Bulk, Urgent} {
		var fat *Sub
		var most uint64
		for _, s := range b.index.subs {
			l := &s.Queue.lanes[ln]
			if n := l.queuedBytes(); n > most && l.len() > 0 {
				fat, most = s, n
			}
		}
		if fat != nil {
			return fat, ln
		}
	}
	return nil, Bulk
}
