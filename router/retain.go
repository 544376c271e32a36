package router

import (
	"slices"

	"github.com/daemoneye/eventbus/frame"
)

// retained holds the last value of each topic that was published with the
// retain flag, as copies of their own: a value may stay for long, and must not
// pin the large buffer that it came in. An empty payload forgets the topic.
type retained struct {
	values map[string]*frame.Buffer
	order  []string // of first retaining, oldest first
	bytes  int64
}

func (b *Broker) retain(rt *route, items []Item) {
	r := &b.retained
	if r.values == nil {
		r.values = make(map[string]*frame.Buffer)
	}
	for i := range items {
		f := items[i].Frame()
		if f.Flags()&frame.FlagRetain == 0 {
			continue
		}
		r.forget(rt.topic)
		if len(f.Payload()) == 0 || int64(len(f)) > b.opts.MaxRetainedBytes {
			continue
		}
		buf := b.pool.Get(len(f))
		buf.B = append(buf.B[:0], f...)
		r.values[rt.topic] = buf
		r.order = append(r.order, rt.topic)
		r.bytes += int64(len(f))
	}
	for len(r.order) > b.opts.MaxRetained || r.bytes > b.opts.MaxRetainedBytes {
		r.forget(r.order[0])
		b.stats.retainedDropped++
	}
}

func (r *retained) forget(topic string) {
	buf := r.values[topic]
	if buf == nil {
		return
	}
	r.bytes -= int64(len(buf.B))
	buf.Release(1)
	delete(r.values, topic)
	if i := slices.Index(r.order, topic); i >= 0 {
		r.order = slices.Delete(r.order, i, i+1)
	}
}

// early is what a new subscription gets before anything live: retained values
// and the replay, in the order of their sequences, each message once.
type early struct {
	items                    []Item
	bulk, urgent             int // how many there are for each lane
	lost, lostFrom, lostUpTo uint64
	expired                  bool // the replay no longer reaches back far enough
	exact                    bool // lost is the exact number
}

// early collects what s asked to be told of the past. Items hold no reference
// of their own yet.
func (b *Broker) early(s *Sub) early {
	var e early
	if s.spec.Retained {
		for topic, buf := range b.retained.values {
			f := frame.Frame(buf.B)
			if s.patterns.Match(topic) && s.passes(f, topic) {
				e.items = append(e.items, Item{Buf: buf, Len: uint32(len(f))})
			}
		}
	}
	if s.spec.ReplayFrom > 0 {
		e.exact = true
		for _, store := range b.replay {
			store.collect(s, &e)
		}
	}
	slices.SortFunc(e.items, func(x, y Item) int {
		return cmpUint(x.Frame().Sequence(), y.Frame().Sequence())
	})
	e.items = slices.CompactFunc(e.items, func(x, y Item) bool { return x.Frame().Sequence() == y.Frame().Sequence() })
	for i := range e.items {
		if b.laneOf(&e.items[i]) == Urgent {
			e.urgent++
		} else {
			e.bulk++
		}
	}
	return e
}

func (b *Broker) laneOf(it *Item) Lane { return b.route(string(it.Frame().Topic())).lane }

// deliverEarly queues what early collected; the queue has room for it.
func (b *Broker) deliverEarly(s *Sub, e *early) {
	if e.expired {
		count := e.lost
		if !e.exact {
			count = 0
		}
		s.Queue.Skip(Bulk, count, 0, frame.ReasonReplay, &b.scratch)
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

func cmpUint(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
