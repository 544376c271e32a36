package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// A client that cannot undo a compression gets messages inflated. That is done once a
// message, for all its subscribers, as work of the client that sent it. What was stored
// compressed is inflated again for a late subscription, when its client takes it, and as
// work of that client. So a client that asks for a thousand values does not have them all
// inflated at once, nor those that it never reads. Before anything is inflated there is
// room for it under MaxMemory.

// deliverInflated is deliver for messages that may be compressed.
func (b *Broker) deliverInflated(s *Sub, ln bus.Lane, items []queue.Item) (queued int) {
	for i := 0; i < len(items); {
		j := i
		for j < len(items) && !s.session.needsInflating(items[j].Frame()) {
			j++
		}
		queued += b.deliver(s, ln, items[i:j])
		if j < len(items) {
			queued += s.deliverCopy(ln, &items[j])
			j++
		}
		i = j
	}
	return queued
}

// deliverCopy delivers an inflated copy of a message. One that cannot be inflated
// counts as dropped: the subscriber gets a gap, and the statistics have the reason.
func (s *Sub) deliverCopy(ln bus.Lane, it *queue.Item) (queued int) {
	b := s.session.b
	var out inflated
	if shared := b.burst.shared(it); shared != nil {
		if !shared.done {
			shared.done = true
			shared.buf, shared.err = b.inflate(b.burst.session, it.Frame())
		}
		out = *shared
	} else {
		out.buf, out.err = b.inflate(s.session, it.Frame())
		defer func() {
			if out.buf != nil {
				out.buf.Release(1)
			}
		}()
	}
	if out.err == nil {
		return b.deliver(s, ln, []queue.Item{{Buf: out.buf, Len: uint32(len(out.buf.B))}})
	}
	b.stats.CountRefused(out.err)
	b.stats.CountDropped(1)
	s.Queue.RecordLoss(ln, 1, uint64(it.Len), inflateReason(out.err))
	s.markReady()
	return 0
}

func inflateReason(err error) bus.Reason {
	if err == frame.ErrMemory {
		return frame.ReasonMemory
	}
	return frame.ReasonInflate
}

// inflate returns a copy of f that is not compressed, as work of p, in a buffer of its
// own that the caller releases. The buffer has the size that the payload states, so
// that its memory comes from the pool, and the broker makes room for it. ErrMemory means that
// there is none.
func (b *Broker) inflate(p *Session, f frame.Frame) (*buffer.Buffer, error) {
	n, err := frame.InflatedLen(f, b.opts.MaxMessageSize)
	if err != nil {
		return nil, err
	}
	if !b.makeRoom(buffer.Capacity(n)) {
		return nil, frame.ErrMemory
	}
	p.work.Add(n / inflateBytes)
	b.stats.Inflated += uint64(n)
	out := b.pool.Get(n)
	if out.B, err = frame.AppendInflated(out.B, f, b.opts.MaxMessageSize); err != nil {
		out.Release(1)
		return nil, err
	}
	return out, nil
}

// readable returns a message that p sent as q can read it, with a reference for the
// caller: as it is, or inflated. If that fails, the caller sends the error to the client that
// waits for an answer.
func (q *Session) readable(p *Session, it queue.Item) (queue.Item, error) {
	if !q.needsInflating(it.Frame()) {
		it.Buf.Retain(1)
		return it, nil
	}
	out, err := q.b.inflate(p, it.Frame())
	if err != nil {
		return queue.Item{}, err
	}
	return queue.Item{Buf: out, Len: uint32(len(out.B))}, nil
}

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
		p.writeNextTurn()
		return t, false
	}
	t, ok = s.Queue.DequeueLane(ln, min(n, 1))
	if len(t.Items) > 0 && p.needsInflating(t.Items[0].Frame()) {
		s.inflateTaken(&t)
	}
	s.compressed = s.Queue.Pending()
	return t, ok
}

// inflateTaken inflates the only message of t. If that fails, the message becomes part
// of a gap.
func (s *Sub) inflateTaken(t *queue.Batch) {
	p, it := s.session, &t.Items[0]
	b := p.b
	before := p.work.Steps()
	out, err := b.inflate(p, it.Frame())
	p.inflateWork += p.work.Steps() - before
	if err != nil {
		b.stats.CountRefused(err)
		b.stats.CountDropped(1)
		s.Queue.DropTaken(t, inflateReason(err))
		return
	}
	s.Queue.ReplaceTaken(t.Lane, it, out)
}

// mayInflate reports whether the client may have more inflated in this turn of the broker.
func (p *Session) mayInflate() bool {
	if p.inflateTurn != p.b.turns {
		p.inflateTurn, p.inflateWork = p.b.turns, 0
	}
	return p.inflateWork < TurnWork
}
