package queue

import (
	"math"
	"sync/atomic"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ring"
	"github.com/daemoneye/eventbus/router/bus"
)

// conflated is the lane of a subscription that keeps the last message of each topic.
// A topic's slot holds its newest message. The ring holds the filled slots, in the
// order in which they were filled. When a message arrives and its topic's slot is
// filled, it replaces the message there, in place and without waiting. When all slots
// are filled and a new topic needs one, the producer evicts the oldest slot first.
//
// The consumer learns what it lost from two sums. A node has the number of messages of
// its own slot that it replaced. Messages that were lost with an evicted slot are added
// to laneLoss, a total of the lane that only grows. Every later node carries that
// total. The lane's lostUpTo has it too, because it may be that no node follows. The
// consumer announces the difference to what it announced before, so that it announces
// each loss once.
type conflated struct {
	ring *ring.Ring[*slot]

	// Only the producer reuses nodes. So a node cannot change while the producer reads
	// it. free has the nodes that the consumer has finished with, spare a node that
	// was replaced.
	free  *ring.Ring[*node]
	spare *node

	// owned by the producer
	slots      map[string]*slot
	mapPeak    int     // the most entries since the map was made
	maxTopics  int     // the most entries that any of the maps had
	slotMemory int64   // of the slots and their topics
	last       *slot   // of the last message; the next message often has the same topic
	evicted    []*slot // scratch memory of evict
	out        [1]Item

	// owned by the consumer
	taken [1]Item // the last that was dequeued
}

type slot struct {
	topic   string
	current atomic.Pointer[node] // nil: the slot is not in the ring
}

// node is a message in a slot, immutable while it is there.
type node struct {
	item     Item
	replaced loss // the messages that were in this slot before, since it was filled
	laneLoss loss // the lane's total when the message was pushed
}

// freeNodes bounds the nodes that are kept for reuse.
const freeNodes = 64

func newConflated(capacity int, signal *ring.Signal) *conflated {
	return &conflated{
		ring:  ring.NewWithOptions(ring.Options[*slot]{Capacity: capacity, Signal: signal}),
		free:  ring.NewWithOptions(ring.Options[*node]{Capacity: min(capacity, freeNodes), Signal: noSignal}),
		slots: make(map[string]*slot),
	}
}

func (c *conflated) push(l *lane, it *Item) (dropped int) {
	s := c.slot(it.Frame().Topic())
	n := c.node()
	for {
		*n = node{item: *it, laneLoss: l.laneLoss}
		old := s.current.Load()
		if old == nil {
			if c.ring.Len() == c.ring.Cap() { // one is enough, because only the producer fills the ring
				out := c.evict(l, 1, frame.ReasonDropOldest, c.out[:0])
				dropped = len(out)
				releaseRefs(out)
				clear(out)
				n.laneLoss = l.laneLoss
			}
			s.current.Store(n) // the producer owns the slot until it is in the ring
			c.ring.Push(s)
			return dropped
		}
		n.replaced = loss{old.replaced.count + 1, old.replaced.bytes + uint64(old.item.Len)}
		if s.current.CompareAndSwap(old, n) { // the producer owns old again
			l.drop([]Item{old.item}, frame.ReasonConflated)
			c.spare = old
			return 1
		}
	}
}

// find returns the topic's slot, or nil.
func (c *conflated) find(topic []byte) *slot {
	if c.last == nil || c.last.topic != string(topic) {
		c.last = c.slots[string(topic)]
	}
	return c.last
}

// slot returns the topic's slot. It makes one if there is none.
func (c *conflated) slot(topic []byte) *slot {
	if s := c.find(topic); s != nil {
		return s
	}
	s := &slot{topic: string(topic)}
	c.slots[s.topic] = s
	c.mapPeak, c.maxTopics = max(c.mapPeak, len(c.slots)), max(c.maxTopics, len(c.slots))
	c.slotMemory += slotBytes(len(topic))
	c.last = s
	return s
}

// forget removes a slot that is not in the ring.
func (c *conflated) forget(s *slot) {
	delete(c.slots, s.topic)
	c.slotMemory -= slotBytes(len(s.topic))
	c.last = nil
	if len(c.slots) < c.mapPeak/4 { // a map never gives back memory of entries that were deleted
		slots := make(map[string]*slot, len(c.slots))
		for topic, s := range c.slots {
			slots[topic] = s
		}
		c.slots, c.mapPeak = slots, len(slots)
	}
}

// forgetIdle removes the slots that are not in the ring.
func (c *conflated) forgetIdle() {
	for _, s := range c.slots {
		if s.current.Load() == nil {
			c.forget(s)
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

// evict removes the n oldest messages, with their slots, and appends them to out.
func (c *conflated) evict(l *lane, n int, why bus.Reason, out []Item) []Item {
	c.evicted = c.ring.Evict(n, c.evicted[:0])
	for _, s := range c.evicted { // only the producer can reach these slots now
		n := s.current.Swap(nil)
		l.addLaneLoss(n.replaced.count+1, n.replaced.bytes+uint64(n.item.Len))
		out = append(out, n.item)
		c.spare = n
		c.forget(s)
	}
	clear(c.evicted)
	l.countDropped(out, why)
	return out
}

func (l *lane) addLaneLoss(count, size uint64) { l.laneLoss.count += count; l.laneLoss.bytes += size }

// publishLaneLoss shows the lane's loss to the consumer, even if no message follows.
func (l *lane) publishLaneLoss() {
	if published, _, _ := l.lostUpTo.load(); published != l.laneLoss.count {
		l.lostUpTo.store(l.laneLoss.count, l.laneLoss.bytes)
	}
}

func (c *conflated) len() int { return c.ring.Len() }

func (l *lane) dequeueConflated(t *Batch) bool {
	if l.announceUnknownLoss(t, math.MaxUint64) {
		return true // it is announced first, because topics have no order in this lane
	}
	var s *slot
	if l.conflated != nil {
		s, _ = l.conflated.ring.Pop()
	}
	if s == nil {
		count, bytes, _ := l.lostUpTo.load()
		l.announce(t, &node{laneLoss: loss{count, bytes}})
		return t.HasGap
	}
	n := s.current.Swap(nil) // the producer owns the slot again, and may fill it
	l.announce(t, n)
	taken := &l.conflated.taken
	taken[0] = n.item
	taken[0].seq = l.expectedSeq
	t.Items = taken[:]
	l.expectedSeq++
	l.expectedPos += uint64(n.item.Len)
	l.conflated.free.Offer(n)
	return true
}

// announce sets t's gap to what was lost before n and has not been announced yet.
func (l *lane) announce(t *Batch, n *node) {
	lost, size := n.replaced.count, n.replaced.bytes
	if n.laneLoss.count > l.announcedLoss.count {
		lost, size = lost+n.laneLoss.count-l.announcedLoss.count, size+n.laneLoss.bytes-l.announcedLoss.bytes
		l.announcedLoss = n.laneLoss
	}
	if lost > 0 {
		l.setGap(t, l.expectedSeq+lost, l.expectedPos+size)
	}
}
