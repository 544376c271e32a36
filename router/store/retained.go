package store

import (
	"container/heap"
	"container/list"
	"strings"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/topic"
)

// Limits bound what a Retained keeps.
type Limits struct {
	// Values bounds how many topics have a value.
	Values int
	// Bytes bounds the memory of the values' buffers.
	Bytes int64
}

// Retained holds the last value of each topic that was published with the retain
// flag. A message with an empty payload removes the topic's value. When a limit is
// exceeded, the oldest value of the client that holds most is removed. So a client that
// retains ever more values does not evict those of others.
type Retained struct {
	pool   *buffer.Pool
	limits Limits
	values map[string]*list.Element // of *value, by topic
	names  topic.Names[*value]
	owners map[uint32]*owner // by source
	// In both heaps the owner that holds most is first.
	byBytes, byCount ownerHeap
	bytes            int64  // capacity of the buffers, which is larger than the frames
	beside           int64  // estimated memory of values and owners beside their buffers
	search           uint64 // number of the current Collect
}

// valueBytes is the memory of a value beside its buffer and its topic's place in names. It
// includes an owner, because at worst each value has its own. It was measured like
// recordBytes.
const valueBytes = 640

// owner is a client with the values whose last publisher it is. It may have disconnected.
type owner struct {
	order list.List // of *value, the longest unchanged first
	first uint64    // the broker's sequence of the first
	bytes int64
	at    [2]int // its indices in byBytes and byCount
}

type value struct {
	topic  string
	lane   bus.Lane
	source uint32
	buf    *buffer.Buffer
	found  uint64 // the last search that found it
}

func (v *value) size() int64 { return int64(cap(v.buf.B)) }

// noteFirst is called when another value is the first of order, or may be.
func (o *owner) noteFirst() {
	o.first = frame.Frame(o.order.Front().Value.(*value).buf.B).Sequence()
}

// NewRetained returns an empty Retained, whose buffers come from pool.
func NewRetained(pool *buffer.Pool, limits Limits) *Retained {
	r := &Retained{
		pool: pool, limits: limits,
		values: make(map[string]*list.Element), owners: make(map[uint32]*owner),
	}
	r.byBytes = ownerHeap{place: 0, size: func(o *owner) int64 { return o.bytes }}
	r.byCount = ownerHeap{place: 1, size: func(o *owner) int64 { return int64(o.order.Len()) }}
	return r
}

// Len returns how many topics have a value.
func (r *Retained) Len() int { return len(r.values) }

// Beside estimates how much memory the values use beside their buffers.
func (r *Retained) Beside() int64 { return r.beside }

// Keep stores a copy of it as the value of the topic name. It returns how many values were
// removed because of the limits.
func (r *Retained) Keep(name string, lane bus.Lane, it *queue.Item) (removed int) {
	f := it.Frame()
	if e := r.values[name]; e != nil {
		if len(f.Payload()) > 0 && r.replace(e, f, lane) {
			return 0
		}
		r.remove(name)
	}
	if len(f.Payload()) == 0 {
		return 0
	}
	v := &value{topic: name, lane: lane, source: f.Source(), buf: r.pool.Get(len(f))}
	v.buf.B = append(v.buf.B, f...)
	if v.size() > r.limits.Bytes {
		v.buf.Release(1)
		return 1
	}
	if len(r.values) >= r.limits.Values && r.exchange(v) {
		return 1
	}
	r.add(v)
	for r.bytes > r.limits.Bytes {
		r.remove(r.byBytes.first().oldest())
		removed++
	}
	for len(r.values) > r.limits.Values {
		r.remove(r.byCount.first().oldest())
		removed++
	}
	return removed
}

// replace puts f in the place of a value of the same client, where it takes as large a
// buffer, and no queue has the value.
func (r *Retained) replace(e *list.Element, f frame.Frame, lane bus.Lane) bool {
	v := e.Value.(*value)
	if v.source != f.Source() || buffer.Capacity(len(f)) != v.size() || v.buf.Refs() != 1 {
		return false
	}
	v.buf.B, v.lane = append(v.buf.B[:0], f...), lane
	o := r.owners[v.source]
	o.order.MoveToBack(e)
	r.fix(o)
	return true
}

// exchange puts v in the place of the oldest value of its owner, if that is the one to give
// way for v. It does what add and remove do, and spares both heaps the way of the owner
// from its place to the first and back: 0.6 of 1.6 µs beside 1,024 others (BenchmarkRetained).
func (r *Retained) exchange(v *value) bool {
	o := r.owners[v.source]
	if o == nil || r.bytes+v.size() > r.limits.Bytes {
		return false
	}
	most, n := r.byCount.first(), o.order.Len()+1
	if o != most && (n < most.order.Len() || n == most.order.Len() && o.first > most.first) {
		return false
	}
	e := o.order.Front()
	old := e.Value.(*value)
	delete(r.values, old.topic)
	r.names.Delete(old.topic)
	e.Value = v
	o.order.MoveToBack(e)
	r.values[v.topic] = e
	r.names.Put(v.topic, v)
	r.beside += topic.NameBytes(v.topic) - topic.NameBytes(old.topic)
	o.bytes += v.size() - old.size()
	r.bytes += v.size() - old.size()
	old.buf.Release(1)
	r.fix(o)
	return true
}

// fix puts an owner in its place in both heaps, after what it holds has changed.
func (r *Retained) fix(o *owner) {
	o.noteFirst()
	heap.Fix(&r.byBytes, o.at[r.byBytes.place])
	heap.Fix(&r.byCount, o.at[r.byCount.place])
}

func (o *owner) oldest() (topic string) { return o.order.Front().Value.(*value).topic }

func (r *Retained) add(v *value) {
	o := r.owners[v.source]
	isNew := o == nil
	if isNew {
		o = new(owner)
		r.owners[v.source] = o
	}
	r.values[v.topic] = o.order.PushBack(v)
	r.names.Put(v.topic, v)
	r.beside += valueBytes + topic.NameBytes(v.topic)
	o.bytes += v.size()
	r.bytes += v.size()
	if !isNew {
		r.fix(o)
		return
	}
	o.noteFirst()
	heap.Push(&r.byBytes, o)
	heap.Push(&r.byCount, o)
}

func (r *Retained) remove(name string) {
	e := r.values[name]
	if e == nil {
		return
	}
	v := e.Value.(*value)
	o := r.owners[v.source]
	last := o.order.Len() == 1
	if last { // before order is empty, because the heaps compare the first value
		delete(r.owners, v.source)
		heap.Remove(&r.byBytes, o.at[0])
		heap.Remove(&r.byCount, o.at[1])
	}
	o.order.Remove(e)
	o.bytes -= v.size()
	if !last {
		r.fix(o)
	}
	delete(r.values, name)
	r.names.Delete(name)
	r.beside -= valueBytes + topic.NameBytes(name)
	r.bytes -= v.size()
	v.buf.Release(1)
}

// Compact moves what is kept beside the buffers: see Store.Compact.
func (r *Retained) Compact() {
	values, owners, names := make(map[string]*list.Element, len(r.values)), make(map[uint32]*owner, len(r.owners)), topic.Names[*value]{}
	for source, o := range r.owners {
		c := &owner{first: o.first, bytes: o.bytes, at: o.at}
		for e := o.order.Front(); e != nil; e = e.Next() {
			v := *e.Value.(*value)
			v.topic = strings.Clone(v.topic)
			values[v.topic] = c.order.PushBack(&v)
			names.Put(v.topic, &v)
		}
		owners[source] = c
		r.byBytes.owners[c.at[0]], r.byCount.owners[c.at[1]] = c, c
	}
	r.values, r.owners, r.names = values, owners, names
}

// Release removes all values.
func (r *Retained) Release() {
	for name := range r.values {
		r.remove(name)
	}
}

// Collect adds to p the wanted values.
func (r *Retained) Collect(want *Want, p *Past) {
	r.search++
	for _, pattern := range want.Patterns {
		p.Visited += r.names.Select(pattern, func(name string, v *value) {
			if v.found == r.search {
				return // by another pattern
			}
			v.found = r.search
			it := queue.Item{Buf: v.buf, Len: uint32(len(v.buf.B))}
			if want.takesTopic(name) && want.takes(it.Frame(), name) {
				p.Messages = append(p.Messages, Message{Item: it, Lane: v.lane})
			}
		})
	}
}

// ownerHeap orders owners by how much they hold, the one with most first. Among equals the
// one with the oldest value is first. It implements heap.Interface.
type ownerHeap struct {
	owners []*owner
	place  int // index in owner.at
	size   func(*owner) int64
}

func (h *ownerHeap) first() *owner { return h.owners[0] }

// Len implements heap.Interface.
func (h *ownerHeap) Len() int { return len(h.owners) }

// Less implements heap.Interface.
func (h *ownerHeap) Less(i, j int) bool {
	x, y := h.owners[i], h.owners[j]
	if sx, sy := h.size(x), h.size(y); sx != sy {
		return sx > sy
	}
	return x.first < y.first
}

// Swap implements heap.Interface.
func (h *ownerHeap) Swap(i, j int) {
	h.owners[i], h.owners[j] = h.owners[j], h.owners[i]
	h.owners[i].at[h.place], h.owners[j].at[h.place] = i, j
}

// Push implements heap.Interface.
func (h *ownerHeap) Push(o any) {
	o.(*owner).at[h.place] = len(h.owners)
	h.owners = append(h.owners, o.(*owner))
}

// Pop implements heap.Interface.
func (h *ownerHeap) Pop() any {
	last := len(h.owners) - 1
	o := h.owners[last]
	h.owners[last] = nil
	h.owners = h.owners[:last]
	return o
}
