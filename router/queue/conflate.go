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
// own slot it replaced. What went with a slot that was evicted is outside of slots: a
// total that only grows, which every later node carries, and the lane's tail mark too
// for the case that no node follows. The consumer announces what it did not announce
// before, so that nothing is announced twice.
type conflated struct {
	ring *ring.Ring[*slot]

	// Nodes are reused by the producer alone, so one that it is looking at
	// cannot change under its hands: free has those that the consumer is done
	// with, spare one that was replaced.
	free  *ring.Ring[*node]
	spare *node

	// producer's
	slots   map[string]*slot
	peak    int   // the most that slots held since it was made
	most    int   // the most that it ever held
	topics  int64 // memory of slots and their topics
	last    *slot // of the last message, which is often the next one's too
	victims []*slot
	out     [1]Item
}

type slot struct {
	topic   string
	current atomic.Pointer[node] // nil: the slot is not in the ring
}

// node is a message in a slot, immutable while it is there.
type node struct {
	item     Item
	replaced loss // messages of this slot that it came after
	outside  loss // as it was when the message came
}

// freeNodes is how many nodes wait to be used again at most.
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
		*n = node{item: *it, outside: l.outside}
		old := s.current.Load()
		if old == nil {
			if c.ring.Len() == c.ring.Cap() { // only the producer fills it: one is enough
				out := c.evict(l, 1, frame.ReasonDropOldest, c.out[:0])
				dropped = len(out)
				releaseRefs(out)
				clear(out)
				n.outside = l.outside
			}
			s.current.Store(n) // the slot is the producer's until the ring has it
			c.ring.Push(s)
			return dropped
		}
		n.replaced = loss{old.replaced.count + 1, old.replaced.bytes + uint64(old.item.Len)}
		if s.current.CompareAndSwap(old, n) { // old is the producer's again
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

// slot returns the topic's slot, and makes it where there is none.
func (c *conflated) slot(topic []byte) *slot {
	if s := c.find(topic); s != nil {
		return s
	}
	s := &slot{topic: string(topic)}
	c.slots[s.topic] = s
	c.peak, c.most = max(c.peak, len(c.slots)), max(c.most, len(c.slots))
	c.topics += slotBytes(len(topic))
	c.last = s
	return s
}

// forget takes a slot away that is not in the ring.
func (c *conflated) forget(s *slot) {
	delete(c.slots, s.topic)
	c.topics -= slotBytes(len(s.topic))
	c.last = nil
	if len(c.slots) < c.peak/4 { // a map keeps the memory of the most that it ever held
		slots := make(map[string]*slot, len(c.slots))
		for topic, s := range c.slots {
			slots[topic] = s
		}
		c.slots, c.peak = slots, len(slots)
	}
}

// forgetIdle takes away the slots that are not in the ring.
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

// evict takes the oldest messages out, with their slots, and appends them to out.
func (c *conflated) evict(l *lane, n int, why bus.Reason, out []Item) []Item {
	c.victims = c.ring.Evict(n, c.victims[:0])
	for _, s := range c.victims { // only the producer knows them now
		n := s.current.Swap(nil)
		l.addOutside(n.replaced.count+1, n.replaced.bytes+uint64(n.item.Len))
		out = append(out, n.item)
		c.spare = n
		c.forget(s)
	}
	clear(c.victims)
	l.book(out, why)
	return out
}

func (l *lane) addOutside(count, size uint64) { l.outside.count += count; l.outside.bytes += size }

// publishOutside has the consumer learn what was lost even if no message follows.
func (l *lane) publishOutside() {
	if published, _, _ := l.tail.load(); published != l.outside.count {
		l.tail.store(l.outside.count, l.outside.bytes)
	}
}

func (c *conflated) len() int { return c.ring.Len() }

func (l *lane) dequeueConflated(t *Batch) bool {
	if l.takeUnknown(t, math.MaxUint64) {
		return true // places mean nothing here, so it is announced first
	}
	var s *slot
	if l.conflated != nil {
		s, _ = l.conflated.ring.Pop()
	}
	if s == nil {
		count, bytes, _ := l.tail.load()
		l.announce(t, &node{outside: loss{count, bytes}})
		return t.HasGap
	}
	n := s.current.Swap(nil) // the slot is the producer's again, to be filled anew
	l.announce(t, n)
	l.single[0] = n.item
	l.single[0].seq = l.expSeq
	t.Items = l.single[:]
	l.expSeq++
	l.expPos += uint64(n.item.Len)
	l.conflated.free.Offer(n)
	return true
}

// announce sets t's gap to what was lost before n and was not announced yet.
func (l *lane) announce(t *Batch, n *node) {
	lost, size := n.replaced.count, n.replaced.bytes
	if n.outside.count > l.announced.count {
		lost, size = lost+n.outside.count-l.announced.count, size+n.outside.bytes-l.announced.bytes
		l.announced = n.outside
	}
	if lost > 0 {
		l.setGap(t, l.expSeq+lost, l.expPos+size)
	}
}
