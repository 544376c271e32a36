package router

import (
	"sync/atomic"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ring"
)

// conflated is the lane of a subscription that keeps the last message of each
// topic. The ring holds topics in the order in which they first got something to
// tell; a topic's slot holds its newest message. A message that finds its
// topic's slot filled replaces what is there, in place and without waiting, and
// carries on how many were replaced, so that the consumer can announce them.
type conflated struct {
	ring  *ring.Ring[*slot]
	slots map[string]*slot // producer's

	// free carries nodes back from the consumer. Only the producer reuses them,
	// so a node that it is looking at cannot change under its hands.
	free *ring.Ring[*node]

	owed, owedBytes uint64 // losses that the next message has to announce
}

type slot struct {
	topic   string
	current atomic.Pointer[node] // nil: the slot is not in the ring
}

// node is a message in a slot, immutable while it is there.
type node struct {
	item            Item
	lost, lostBytes uint64 // before this message
}

func newConflated(capacity int, signal *ring.Signal) *conflated {
	return &conflated{
		ring:  ring.NewWithOptions(ring.Options[*slot]{Capacity: capacity, Signal: signal}),
		free:  ring.NewWithOptions(ring.Options[*node]{Capacity: min(capacity, 64), Signal: nobody}),
		slots: make(map[string]*slot),
	}
}

func (c *conflated) push(l *lane, it *Item) (dropped int) {
	fr := it.Frame()
	s := c.slots[string(fr.Topic())]
	if s == nil {
		if len(c.slots) >= 4*c.ring.Cap() {
			c.forgetIdle()
		}
		s = &slot{topic: string(fr.Topic())}
		c.slots[s.topic] = s
	}
	n, ok := c.free.Pop()
	if !ok {
		n = new(node)
	}
	*n = node{item: *it}
	for {
		old := s.current.Load()
		if old == nil {
			n.lost, n.lostBytes = c.owed, c.owedBytes
			s.current.Store(n) // the slot is the producer's until the ring has it
			c.owed, c.owedBytes = 0, 0
			if victim, full := c.ring.Push(s); full {
				dropped += c.dropSlot(l, victim, frame.ReasonDropOldest)
			}
			return dropped
		}
		n.lost, n.lostBytes = old.lost+1+c.owed, old.lostBytes+uint64(old.item.Len)+c.owedBytes
		if s.current.CompareAndSwap(old, n) {
			c.owed, c.owedBytes = 0, 0
			l.drop([]Item{old.item}, frame.ReasonConflated)
			return dropped + 1
		}
	}
}

// dropSlot empties a slot that was evicted from the ring. Its loss is owed to
// whatever message is delivered next.
func (c *conflated) dropSlot(l *lane, s *slot, why Reason) int {
	n := s.current.Swap(nil)
	if n == nil {
		return 0
	}
	c.owed += n.lost + 1
	c.owedBytes += n.lostBytes + uint64(n.item.Len)
	l.drop([]Item{n.item}, why)
	return 1
}

func (c *conflated) evict(l *lane, n int, why Reason) (dropped int) {
	for _, s := range c.ring.Evict(n, nil) {
		dropped += c.dropSlot(l, s, why)
	}
	return dropped
}

func (c *conflated) carry(count, size uint64) { c.owed += count; c.owedBytes += size }

func (c *conflated) forgetIdle() {
	for topic, s := range c.slots {
		if s.current.Load() == nil {
			delete(c.slots, topic)
		}
	}
}

func (c *conflated) len() int { return c.ring.Len() }

func (c *conflated) take(l *lane, t *Taken) bool {
	for {
		s, ok := c.ring.Pop()
		if !ok {
			return false
		}
		n := s.current.Swap(nil)
		if n == nil {
			continue
		}
		if n.lost > 0 {
			l.gap(t, l.expSeq+n.lost, l.expPos+n.lostBytes)
		}
		l.one[0] = n.item
		l.one[0].seq = l.expSeq
		t.Items = l.one[:]
		l.expSeq++
		l.expPos += uint64(n.item.Len)
		c.free.Offer(n)
		return true
	}
}
