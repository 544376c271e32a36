package broker

import (
	"cmp"
	"slices"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// A client that cannot undo a compression gets messages inflated. That is done once a
// message, for all its subscribers, as work of the client that sent it. What was stored
// compressed is inflated again for a late subscription: when its client takes it, and as
// work of that. Before anything is inflated there is room for it under MaxMemory.

// inflated is a message of the burst that is not compressed any more.
type inflated struct {
	buf  *buffer.Buffer // nil: not yet, or it failed
	err  error
	done bool
}

// needsInflating reports whether p cannot read f as it is.
func (p *Session) needsInflating(f frame.Frame) bool {
	return f.Flags()&frame.FlagCompressed&^p.inflates != 0
}

// deliverInflated is deliver for messages that may be compressed.
func (b *Broker) deliverInflated(s *Sub, ln bus.Lane, items []queue.Item) (queued int) {
	for i := 0; i < len(items); {
		j := i
		for j < len(items) && !s.session.needsInflating(items[j].Frame()) {
			j++
		}
		queued += b.deliver(s, ln, items[i:j])
		if j < len(items) {
			queued += b.deliverCopy(s, ln, &items[j])
			j++
		}
		i = j
	}
	return queued
}

// deliverCopy delivers an inflated copy of a message. One that cannot be inflated
// counts as a drop: the subscriber sees a gap, and the statistics say why.
func (b *Broker) deliverCopy(s *Sub, ln bus.Lane, it *queue.Item) (queued int) {
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
	b.stats.refuse(out.err)
	b.stats.dropped(1)
	s.Queue.Skip(ln, 1, uint64(it.Len), inflateReason(out.err))
	s.markReady()
	return 0
}

func inflateReason(err error) bus.Reason {
	if err == frame.ErrMemory {
		return frame.ReasonMemory
	}
	return frame.ReasonInflate
}

// shared returns where the burst keeps it inflated, or nil for a message of none.
func (r *burst) shared(it *queue.Item) *inflated {
	if it.Buf != r.buf {
		return nil
	}
	i, ok := slices.BinarySearchFunc(r.items, it.Off, func(x queue.Item, off uint32) int { return cmp.Compare(x.Off, off) })
	if !ok {
		return nil
	}
	for len(r.inflated) < len(r.items) {
		r.inflated = append(r.inflated, inflated{})
	}
	return &r.inflated[i]
}

// releaseInflated gives back what was inflated for the burst.
func (r *burst) releaseInflated() {
	for i := range r.inflated {
		if buf := r.inflated[i].buf; buf != nil {
			buf.Release(1)
		}
	}
	clear(r.inflated)
	r.inflated = r.inflated[:0]
}

// inflate returns a copy of f that is not compressed, as work of p, in a buffer of its
// own that the caller releases. The buffer has the size that the payload says it inflates
// to, so that all of it is the pool's, and there is room for it. ErrMemory means that
// there is none.
func (b *Broker) inflate(p *Session, f frame.Frame) (*buffer.Buffer, error) {
	n, err := frame.InflatedLen(f, b.opts.MaxMessageSize)
	if err != nil {
		return nil, err
	}
	if !b.makeRoom(buffer.Capacity(n)) {
		return nil, frame.ErrMemory
	}
	p.work += n / inflateBytes
	b.stats.inflated += uint64(n)
	out := b.pool.Get(n)
	if out.B, err = frame.AppendInflated(out.B, f, b.opts.MaxMessageSize); err != nil {
		out.Release(1)
		return nil, err
	}
	return out, nil
}

// readable returns a message that p sent as q can read it, with a reference for the
// caller: as it is, or inflated. Where that fails, the client that waits for an answer gets
// the error, so that it does not wait in vain.
func (b *Broker) readable(p, q *Session, it queue.Item) (queue.Item, error) {
	if !q.needsInflating(it.Frame()) {
		it.Buf.Retain(1)
		return it, nil
	}
	out, err := b.inflate(p, it.Frame())
	if err != nil {
		return queue.Item{}, err
	}
	return queue.Item{Buf: out, Len: uint32(len(out.B))}, nil
}
