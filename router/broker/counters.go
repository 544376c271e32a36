package broker

import (
	"slices"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// counters are the broker's counters. Owned by the routing thread.
type counters struct {
	startedAt       int64
	total           flow // but for what was dropped: the subscriptions have that
	minute          window
	ended           queue.Counts // of subscriptions that have ended
	requests        uint64
	noResponder     uint64
	lateReplies     uint64
	retainedDropped uint64
	inflated        uint64 // bytes
	handedOver      uint64
	refusals        map[frame.Code]uint64
	lastError       error
	lastErrorAt     int64
}

// flow counts messages and their bytes, and of those what was dropped.
type flow struct{ messages, bytes, dropped uint64 }

// window sums a flow over the last minute, in slots of a second.
type window struct {
	slots [60]flow
	sum   flow
	at    int64 // second of the current slot, from the start
}

// sessionCounters are one session's.
type sessionCounters struct{ published, bytes, refused, paused uint64 }

func (c *counters) start(now int64) {
	c.startedAt = now
	c.refusals = make(map[frame.Code]uint64)
}

func (c *counters) published(n, bytes uint64) {
	c.total.messages += n
	c.total.bytes += bytes
	c.minute.add(flow{messages: n, bytes: bytes})
}

func (c *counters) dropped(n uint64) {
	c.minute.add(flow{dropped: n})
}

func (c *counters) refuse(err error) { c.refusals[frame.CodeOf(err)]++ }

// Refused counts a fault of a client that has no session yet, or that the caller
// found. Routing thread only.
func (b *Broker) Refused(err error) { b.stats.refuse(err) }

// Fault records an error of the broker's own side for its statistics. Routing
// thread only.
func (b *Broker) Fault(err error) {
	b.stats.lastError, b.stats.lastErrorAt = err, bus.Now()
}

func (c *counters) advance(now int64) { c.minute.advance((now - c.startedAt) / int64(time.Second)) }

// addFinal adds the final counts of a subscription that has ended. Messages that were
// lost with its connection count as dropped in the last minute; those that were queued
// when its own client ended it do not.
func (c *counters) addFinal(s *Sub, n *queue.Counts) {
	if s.why != nil {
		c.dropped(n.ByReason[frame.ReasonConnection])
	}
	c.ended.Matched += n.Matched
	c.ended.Delivered += n.Delivered
	c.ended.Dropped += n.Dropped
	for i, v := range n.ByReason {
		c.ended.ByReason[i] += v
	}
}

// finalizeDrained retires the stopped subscriptions whose consumer has taken, or
// given up, all that was queued.
func (b *Broker) finalizeDrained() {
	b.draining = slices.DeleteFunc(b.draining, b.finalizeIfDone)
}

// finalizeIfDone is finalizeDrained for one of them.
func (b *Broker) finalizeIfDone(s *Sub) (closed bool) {
	n := s.Queue.Count()
	if n.Matched != n.Delivered+n.Dropped {
		return false
	}
	b.stats.addFinal(s, &n)
	s.release()
	return true
}

// finalizeLast is finalizeDrained for s, which was stopped last: a client that comes and
// goes must not have to wait for it.
func (b *Broker) finalizeLast(s *Sub) {
	if last := len(b.draining) - 1; last >= 0 && b.draining[last] == s && b.finalizeIfDone(s) {
		b.draining[last] = nil
		b.draining = b.draining[:last]
	}
}

func (w *window) add(f flow) {
	s := &w.slots[w.at%int64(len(w.slots))]
	for _, t := range []*flow{s, &w.sum} {
		t.messages += f.messages
		t.bytes += f.bytes
		t.dropped += f.dropped
	}
}

func (w *window) advance(second int64) {
	if second-w.at >= int64(len(w.slots)) {
		*w = window{at: second}
		return
	}
	for w.at < second {
		w.at++
		s := &w.slots[w.at%int64(len(w.slots))]
		w.sum.messages -= s.messages
		w.sum.bytes -= s.bytes
		w.sum.dropped -= s.dropped
		*s = flow{}
	}
}
