package broker

import (
	"cmp"
	"slices"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// collectReplay adds to e what s may still have of the messages from
// ReplayFrom on, and what is gone.
func (b *Broker) collectReplay(s *Sub, e *backfill) {
	from := s.spec.ReplayFrom
	if from > b.seq+1 {
		// A number that this broker has not given yet: of another one's life.
		from, e.unknown = 1, true
	}
	for _, store := range b.replay {
		store.trim(b.now)
		store.collect(s, from, e)
	}
	if len(e.expired) > 0 && s.filter != nil && s.filter.PerMessage {
		e.unknown = true // what fell out cannot be asked what it held
	}
}

// backfill is what a new subscription gets before anything live: retained values
// and the replay, in the order of their sequences, each message once.
type backfill struct {
	items   []queue.Item
	perLane [queue.LaneCount]int // how many there are for each lane
	expired []replayed           // fell out of the replay
	lost    [queue.LaneCount]loss
	unknown bool // the replay cannot say how much it no longer has

	matches map[string]bool // by topic: the past has many messages of few topics
}

// matchesTopic reports whether s takes messages on topic.
func (e *backfill) matchesTopic(s *Sub, topic string) bool {
	want, known := e.matches[topic]
	if !known {
		want = s.patterns.Match(topic) && s.filter.MatchesTopic(topic)
		if e.matches == nil {
			e.matches = make(map[string]bool)
		}
		e.matches[topic] = want
	}
	return want
}

// loss is how much was lost.
type loss struct{ count, bytes uint64 }

// backfill collects what s asked to be told of the past. Items hold no reference
// of their own yet.
func (b *Broker) backfill(s *Sub) backfill {
	var e backfill
	if s.spec.Retained {
		for topic, el := range b.retained.values {
			buf := el.Value.(*value).buf
			f := frame.Frame(buf.B)
			if s.patterns.Match(topic) && s.filter.MatchesTopic(topic) && s.passes(f, topic) {
				e.items = append(e.items, queue.Item{Buf: buf, Len: uint32(len(f))})
			}
		}
	}
	if s.spec.ReplayFrom > 0 {
		b.collectReplay(s, &e)
	}
	slices.SortFunc(e.items, func(x, y queue.Item) int {
		return cmp.Compare(x.Frame().Sequence(), y.Frame().Sequence())
	})
	e.items = slices.CompactFunc(e.items, func(x, y queue.Item) bool { return x.Frame().Sequence() == y.Frame().Sequence() })
	e.countLost(b)
	for i := range e.items {
		e.perLane[b.laneOf(&e.items[i])]++
	}
	return e
}

// countLost counts what is gone, but each message once, and not what another
// rule has kept, or what is retained.
func (e *backfill) countLost(b *Broker) {
	slices.SortFunc(e.expired, func(x, y replayed) int { return cmp.Compare(x.seq, y.seq) })
	for i := range e.expired {
		g := &e.expired[i]
		if i > 0 && e.expired[i-1].seq == g.seq {
			continue
		}
		_, have := slices.BinarySearchFunc(e.items, g.seq, func(it queue.Item, seq uint64) int {
			return cmp.Compare(it.Frame().Sequence(), seq)
		})
		if !have {
			l := &e.lost[b.route(g.topic).lane]
			l.count++
			l.bytes += uint64(g.item.Len)
		}
	}
}

func (b *Broker) laneOf(it *queue.Item) bus.Lane { return b.route(string(it.Frame().Topic())).lane }

// deliverBackfill queues what early collected; the queue has room for it.
func (b *Broker) deliverBackfill(s *Sub, e *backfill) {
	for ln, l := range e.lost {
		if l.count > 0 && !e.unknown {
			s.Queue.Skip(bus.Lane(ln), l.count, l.bytes, frame.ReasonReplay)
			s.markReady()
		}
	}
	if e.unknown {
		s.Queue.Skip(bus.Bulk, 0, 0, frame.ReasonReplay)
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
	if p := s.session.b.sessions[f.Source()]; p != nil {
		name = p.who.Name
	}
	return s.filter.Match(f, topic, name)
}
