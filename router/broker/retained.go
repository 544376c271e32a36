package broker

import (
	"container/list"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/queue"
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

func (b *Broker) retain(rt *route, items []queue.Item) {
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
