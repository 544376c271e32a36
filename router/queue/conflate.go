package queue

import (
	"math"
	"sync/atomic"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ring"
	"github.com/daemoneye/eventbus/router/bus"
)

// conflated is the lane of a subscription that keeps the last message of each
// topic. The ring holds topics in the order in which they first got something to
// tell; a topic's slot holds its newest message. A message that finds its
// topic's slot filled replaces what is there, in place and without waiting. One
// that needs a slot where there is none left has the oldest slot evicted first.
//
// Two sums tell the consumer what it lost. A node says how many messages of its
// own slot it replaced. What went with a slot that was evicted is owed: a total
// that only grows, which every later node carries, and the lane's tail mark too
// for the case that no node follows. The consumer announces what it was not told
// before, so that nothing is announced twice.
type conflated struct {
	ring  *ring.Ring[*slot]
	slots map[string]*slot // producer's

	// Nodes are reused by the producer alone, so one that it is looking at
	// cannot change under its hands: free has those that the consumer is done
	// with, spare one that was replaced.
	free  *ring.Ring[*node]
	spare *node

	victims []*slot // producer's: of the eviction that goes on

	lost, lostBytes           uint64 // producer's: lost outside of slots, in all
	announced, announcedBytes uint64 // consumer's: how much of owed it has announced
}

type slot struct {
	topic   string
	current atomic.Pointer[node] // nil: the slot is not in the ring
}

// node is a message in a slot, immutable while it is there.
type node struct {
	item                    Item
	replaced, replacedBytes uint64 // messages of this slot that it came after
	lost, lostBytes         uint64 // as they were when it came
}

func newConflated(capacity int, signal *ring.Signal) *conflated {
	return &conflated{
		ring:  ring.NewWithOptions(ring.Options[*slot]{Capacity: capacity, Signal: signal}),
		free:  ring.NewWithOptions(ring.Options[*node]{Capacity: min(capacity, 64), Signal: noSignal}),
		slots: make(map[string]*slot),
	}
}

func (c *conflated) push(l *lane, it *Item) (dropped int) {
	s := c.slot(it.Frame().Topic())
	n := c.node()
	for {
		*n = node{item: *it, lost: c.lost, lostBytes: c.lostBytes}
		old := s.current.Load()
		if old == nil {
			if c.ring.Len() == c.ring.Cap() { // only the producer fills it: one is enough
				dropped = c.evict(l, 1, frame.ReasonDropOldest)
				n.lost, n.lostBytes = c.lost, c.lostBytes
			}
			s.current.Store(n) // the slot is the producer's until the ring has it
			c.ring.Push(s)
			return dropped
		}
		n.replaced, n.replacedBytes = old.replaced+1, old.replacedBytes+uint64(old.item.Len)
		if s.current.CompareAndSwap(old, n) { // old is the producer's again
			l.drop([]Item{old.item}, frame.ReasonConflated)
			c.spare = old
			return 1
		}
	}
}

func (c *conflated) slot(topic []byte) *slot {
	s := c.slots[string(topic)]
	if s == nil {
		if len(c.slots) >= 4*c.ring.Cap() {
			c.forgetIdle()
		}
		s = &slot{topic: string(topic)}
		c.slots[s.topic] = s
	}
	return s
}

func (c *conflated) forgetIdle() {
	for topic, s := range c.slots {
		if s.current.Load() == nil {
			delete(c.slots, topic)
		}
	}
}

func (c *conflated) node() *node {
	if n := c.spare; n != nil {
		c.spare = nil
		return n
	}
	if n, ok := c.free.Pop(); ok {
		return n
	}
	return new(node)
}

// dropSlot empties a slot that was evicted from the ring: only the producer
// knows it now.
func (c *conflated) dropSlot(l *lane, s *slot, why bus.Reason) int {
	n := s.current.Swap(nil)
	c.addLost(n.replaced+1, n.replacedBytes+uint64(n.item.Len))
	l.drop([]Item{n.item}, why)
	c.spare = n
	return 1
}

func (c *conflated) evict(l *lane, n int, why bus.Reason) (dropped int) {
	c.victims = c.ring.Evict(n, c.victims[:0])
	for _, s := range c.victims {
		dropped += c.dropSlot(l, s, why)
	}
	clear(c.victims)
	return dropped
}

func (c *conflated) addLost(count, size uint64) { c.lost += count; c.lostBytes += size }

// publishLost has the consumer learn what is owed even if no message follows.
func (c *conflated) publishLost(l *lane) {
	if told, _, _ := l.tail.load(); told != c.lost {
		l.tail.store(c.lost, c.lostBytes)
	}
}

func (c *conflated) len() int { return c.ring.Len() }

func (c *conflated) dequeue(l *lane, t *Batch) bool {
	if l.takeUnknown(t, math.MaxUint64) {
		return true // places mean nothing here, so it is told first
	}
	s, ok := c.ring.Pop()
	if !ok {
		owed, owedBytes, _ := l.tail.load()
		c.announce(l, t, &node{lost: owed, lostBytes: owedBytes})
		return t.HasGap
	}
	n := s.current.Swap(nil) // the slot is the producer's again, to be filled anew
	c.announce(l, t, n)
	l.single[0] = n.item
	l.single[0].seq = l.expSeq
	t.Items = l.single[:]
	l.expSeq++
	l.expPos += uint64(n.item.Len)
	c.free.Offer(n)
	return true
}

// announce sets t's gap to what was lost before n and was not told yet.
func (c *conflated) announce(l *lane, t *Batch, n *node) {
	lost, size := n.replaced, n.replacedBytes
	if n.lost > c.announced {
		lost, size = lost+n.lost-c.announced, size+n.lostBytes-c.announcedBytes
		c.announced, c.announcedBytes = n.lost, n.lostBytes
	}
	if lost > 0 {
		l.setGap(t, l.expSeq+lost, l.expPos+size)
	}
}
