package broker

import (
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// What the past had compressed waits in the queue as it was stored, and is inflated when
// the client takes it: a client that asks for a thousand values does not have them all
// inflated at once, nor those that it never reads.

// Take takes messages of a lane as the client can read them, of not much more than size
// bytes. It is for a session whose sink writes on the routing thread. Each message must be
// accounted for, as with Queue.Dequeue. When the client has had enough inflated in this
// turn it returns nothing, and the sink is called again in the next one.
func (s *Sub) Take(ln bus.Lane, size int) (t queue.Batch, ok bool) {
	n := s.Queue.Claimable(ln, size)
	if !s.compressed {
		return s.Queue.DequeueLane(ln, n)
	}
	p := s.session
	if !p.mayInflate() {
		return t, false
	}
	t, ok = s.Queue.DequeueLane(ln, min(n, 1))
	switch {
	case !ok:
		s.compressed = s.Queue.Pending()
	case len(t.Items) > 0 && p.needsInflating(t.Items[0].Frame()):
		s.inflateTaken(&t)
	}
	return t, ok
}

// inflateTaken inflates the only message of t. Where that fails the message becomes part
// of a gap.
func (s *Sub) inflateTaken(t *queue.Batch) {
	b, it := s.session.b, &t.Items[0]
	before := s.session.work
	out, err := b.inflate(s.session, it.Frame())
	s.session.inflateWork += s.session.work - before
	if err != nil {
		b.stats.refuse(err)
		b.stats.dropped(1)
		s.Queue.DropTaken(t, inflateReason(err))
		return
	}
	s.Queue.ReplaceTaken(t.Lane, it, out)
}

// mayInflate reports whether the client may have more inflated in this turn of the
// broker, and else has its sink called in the next one.
func (p *Session) mayInflate() bool {
	b := p.b
	if p.inflateTurn != b.turns {
		p.inflateTurn, p.inflateWork = b.turns, 0
	}
	if p.inflateWork < TurnWork {
		return true
	}
	if !p.isLater {
		p.isLater = true
		b.later = append(b.later, p)
	}
	return false
}

// writeLater puts the sessions whose sinks had to stop on the list of this turn.
func (b *Broker) writeLater() {
	for i, p := range b.later {
		b.later[i] = nil
		p.isLater = false
		if !p.closed {
			p.markWritable()
		}
	}
	b.later = b.later[:0]
}

// queuePast queues messages of the past as they were stored.
func (b *Broker) queuePast(s *Sub, ln bus.Lane, it *queue.Item) {
	if s.session.local || !s.session.needsInflating(it.Frame()) {
		b.deliverInflated(s, ln, []queue.Item{*it})
		return
	}
	s.compressed = true
	b.deliver(s, ln, []queue.Item{*it})
}
