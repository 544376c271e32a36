package router

import (
	"cmp"
	"container/list"
	"slices"

	"github.com/daemoneye/eventbus/frame"
)

// retained holds the last value of each topic that was published with the
// retain flag, as copies of their own: a value may stay for long, and must not
// pin the large buffer that it came in. An empty payload forgets the topic. Where
// there are too many, the client whose values are most gives first: who retains
// without end is not to evict what others have.
type retained struct {
	values map[string]*list.Element // of *value, by topic
	owners map[uint32]*owner        // by source
	bytes  int64                    // of memory, not of frames: buffers come in sizes
}

// owner is a client, which may have gone, with the values that it said last.
type owner struct {
	order list.List // of *value, the longest unchanged first
	bytes int64
}

func (o *owner) oldest() *value { return o.order.Front().Value.(*value) }

type value struct {
	topic  string
	source uint32
	buf    *frame.Buffer
}

func (v *value) size() int64 { return int64(cap(v.buf.B)) }

func (b *Broker) retain(rt *route, items []Item) {
	r := &b.retained
	if r.values == nil {
		r.values, r.owners = make(map[string]*list.Element), make(map[uint32]*owner)
	}
	for i := range items {
		f := items[i].Frame()
		if f.Flags()&frame.FlagRetain == 0 {
			continue
		}
		r.forget(rt.topic)
		if len(f.Payload()) == 0 {
			continue
		}
		v := &value{rt.topic, f.Source(), b.pool.Get(len(f))}
		v.buf.B = append(v.buf.B, f...)
		if v.size() > b.opts.MaxRetainedBytes {
			v.buf.Release(1)
			b.stats.retainedDropped++
			continue
		}
		r.keep(v)
		for r.bytes > b.opts.MaxRetainedBytes {
			r.forget(r.most(func(o *owner) int64 { return o.bytes }).oldest().topic)
			b.stats.retainedDropped++
		}
		for len(r.values) > b.opts.MaxRetained {
			r.forget(r.most(func(o *owner) int64 { return int64(o.order.Len()) }).oldest().topic)
			b.stats.retainedDropped++
		}
	}
}

func (r *retained) keep(v *value) {
	o := r.owners[v.source]
	if o == nil {
		o = new(owner)
		r.owners[v.source] = o
	}
	r.values[v.topic] = o.order.PushBack(v)
	o.bytes += v.size()
	r.bytes += v.size()
}

// most returns the owner of whom size is largest; among equals the one whose oldest
// value is oldest.
func (r *retained) most(size func(*owner) int64) (most *owner) {
	age := func(o *owner) uint64 { return frame.Frame(o.oldest().buf.B).Sequence() }
	for _, o := range r.owners {
		if most == nil || size(o) > size(most) || size(o) == size(most) && age(o) < age(most) {
			most = o
		}
	}
	return most
}

func (r *retained) forget(topic string) {
	e := r.values[topic]
	if e == nil {
		return
	}
	v := e.Value.(*value)
	o := r.owners[v.source]
	o.order.Remove(e)
	if o.bytes -= v.size(); o.order.Len() == 0 {
		delete(r.owners, v.source)
	}
	delete(r.values, topic)
	r.bytes -= v.size()
	v.buf.Release(1)
}

// early is what a new subscription gets before anything live: retained values
// and the replay, in the order of their sequences, each message once.
type early struct {
	items   []Item
	room    [laneCount]int // how many there are for each lane
	gone    []kept         // fell out of the replay
	lost    [laneCount]loss
	unknown bool // the replay cannot say how much it no longer has

	wanted map[string]bool // by topic: the past has many messages of few topics
}

// wants reports whether s takes messages on topic.
func (e *early) wants(s *Sub, topic string) bool {
	want, known := e.wanted[topic]
	if !known {
		want = s.patterns.Match(topic) && s.filter.takes(topic)
		if e.wanted == nil {
			e.wanted = make(map[string]bool)
		}
		e.wanted[topic] = want
	}
	return want
}

// loss is how much was lost.
type loss struct{ count, bytes uint64 }

// early collects what s asked to be told of the past. Items hold no reference
// of their own yet.
func (b *Broker) early(s *Sub) early {
	var e early
	if s.spec.Retained {
		for topic, el := range b.retained.values {
			buf := el.Value.(*value).buf
			f := frame.Frame(buf.B)
			if s.patterns.Match(topic) && s.filter.takes(topic) && s.passes(f, topic) {
				e.items = append(e.items, Item{Buf: buf, Len: uint32(len(f))})
			}
		}
	}
	if s.spec.ReplayFrom > 0 {
		b.collectReplay(s, &e)
	}
	slices.SortFunc(e.items, func(x, y Item) int {
		return cmp.Compare(x.Frame().Sequence(), y.Frame().Sequence())
	})
	e.items = slices.CompactFunc(e.items, func(x, y Item) bool { return x.Frame().Sequence() == y.Frame().Sequence() })
	e.countLost(b)
	for i := range e.items {
		e.room[b.laneOf(&e.items[i])]++
	}
	return e
}

// countLost counts what is gone, but each message once, and not what another
// rule has kept, or what is retained.
func (e *early) countLost(b *Broker) {
	slices.SortFunc(e.gone, func(x, y kept) int { return cmp.Compare(x.seq, y.seq) })
	for i := range e.gone {
		g := &e.gone[i]
		if i > 0 && e.gone[i-1].seq == g.seq {
			continue
		}
		_, have := slices.BinarySearchFunc(e.items, g.seq, func(it Item, seq uint64) int {
			return cmp.Compare(it.Frame().Sequence(), seq)
		})
		if !have {
			l := &e.lost[b.route(g.topic).lane]
			l.count++
			l.bytes += uint64(g.item.Len)
		}
	}
}

func (b *Broker) laneOf(it *Item) Lane { return b.route(string(it.Frame().Topic())).lane }

// deliverEarly queues what early collected; the queue has room for it.
func (b *Broker) deliverEarly(s *Sub, e *early) {
	for ln, l := range e.lost {
		if l.count > 0 && !e.unknown {
			s.Queue.Skip(Lane(ln), l.count, l.bytes, frame.ReasonReplay)
			s.markReady()
		}
	}
	if e.unknown {
		s.Queue.Skip(Bulk, 0, 0, frame.ReasonReplay)
		s.markReady()
	}
	for i := range e.items {
		b.deliverInflated(s, b.laneOf(&e.items[i]), e.items[i:i+1])
	}
}

// passes evaluates the filter for a message of the past, whose source may have
// gone: then its name is not known, and a filter on it does not pass.
func (s *Sub) passes(f frame.Frame, topic string) bool {
	if s.filter == nil {
		return true
	}
	name := ""
	if p := s.port.b.ports[f.Source()]; p != nil {
		name = p.who.Name
	}
	return s.filter.match(f, topic, name)
}
