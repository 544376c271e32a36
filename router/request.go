package router

import (
	"time"

	"github.com/daemoneye/eventbus/frame"
)

// requestTTL is how long a request without a deadline may take.
const requestTTL = 5 * time.Minute

// requestKey identifies an open request: the asking port and its own number.
type requestKey struct {
	source uint32
	id     uint64
}

// pendingRequest is a request that a responder has, or will have, in its queue.
type pendingRequest struct {
	asker, responder *Port
	sub              *Sub   // of the responder
	seq              uint64 // the broker's, of the request
	expires          int64
}

func (p *Port) request(buf *frame.Buffer, off int, f frame.Frame) error {
	b := p.b
	b.endRun()
	topic := f.Topic()
	if err := frame.CheckTopic(topic); err != nil {
		return err
	}
	target := string(topic)
	if p.authorize != nil {
		if err := p.authorize(OpRequest, target); err != nil {
			return err
		}
	}
	key := requestKey{p.id, f.ID()}
	if b.pending[key] != nil {
		return frame.ErrUnexpected
	}
	if p.asked >= b.opts.MaxRequests {
		return &LimitError{"max_requests", int64(b.opts.MaxRequests), int64(p.asked + 1)}
	}
	b.seq++
	f.Stamp(p.id, b.seq)
	b.stats.requests++
	if target == StatsTarget {
		return b.answerStats(p, f.ID())
	}
	expires := b.now + int64(requestTTL)
	if deadline, ok := f.Extension().Deadline(); ok {
		if expires = deadline; expires <= b.now {
			return frame.ErrDeadline
		}
	}
	rt := b.route(target)
	s := rt.responders.pick(Urgent, nil)
	if s == nil {
		b.stats.noResponder++
		b.control(p, frame.TypeNoResponder, f.ID())
		return nil
	}
	if s.Queue.Room(Urgent) == 0 {
		s.port.sink.Drain(s.port)
		if s.Queue.Room(Urgent) == 0 {
			return ErrOverloaded
		}
	}
	it, err := b.readable(s.port, Item{Buf: buf, Off: uint32(off), Len: uint32(len(f))})
	if err != nil {
		return err
	}
	b.pending[key] = &pendingRequest{asker: p, responder: s.port, sub: s, seq: b.seq, expires: expires}
	p.asked++
	b.deliver(s, Urgent, []Item{it})
	it.Buf.Release(1)
	return nil
}

// reply goes to who asked, if it is the answer of whom was asked. One that comes
// too late, or twice, is not an error: the requester may have gone. One that is
// malformed still ends the request, for there will not be another; both sides are
// told.
func (p *Port) reply(buf *frame.Buffer, off int, f frame.Frame, malformed error) error {
	b := p.b
	b.endRun()
	key := requestKey{f.Source(), f.ID()}
	r := b.pending[key]
	if r == nil || r.responder != p {
		b.stats.lateReplies++
		return malformed
	}
	b.settle(key, r)
	b.seq++
	f.Stamp(p.id, b.seq)
	if malformed != nil {
		r.asker.Refuse(key.id, malformed)
		return malformed
	}
	it, err := b.readable(r.asker, Item{Buf: buf, Off: uint32(off), Len: uint32(len(f))})
	if err != nil {
		r.asker.Refuse(key.id, err)
		return err
	}
	b.deliver(r.asker.inbox, Urgent, []Item{it})
	it.Buf.Release(1)
	return nil
}

func (p *Port) cancel(f frame.Frame) error {
	p.b.endRun()
	key := requestKey{p.id, f.ID()}
	if r := p.b.pending[key]; r != nil {
		p.b.settle(key, r)
		p.b.forwardCancel(r, key)
	}
	return nil
}

// settle forgets an open request.
func (b *Broker) settle(key requestKey, r *pendingRequest) {
	delete(b.pending, key)
	r.asker.asked--
}

// control tells p something that is only a type and an id.
func (b *Broker) control(p *Port, t frame.Type, id uint64) {
	b.tell(p, Urgent, func(dst []byte) []byte { return frame.AppendControl(dst, t, id, b.now, 0) })
}

// forwardCancel tells a responder that nobody waits for its answer any more. It is
// stamped as the request was: the asker may use the number again.
func (b *Broker) forwardCancel(r *pendingRequest, key requestKey) {
	b.tell(r.responder, Bulk, func(dst []byte) []byte {
		start := len(dst)
		dst = frame.AppendControl(dst, frame.TypeCancel, key.id, b.now, 0)
		frame.Frame(dst[start:]).Stamp(key.source, r.seq)
		return dst
	})
}

// Refuse tells the client that its frame numbered id was refused, and why. To who
// asks something that is an answer; a refused publish, or what has no number, has
// nobody waiting.
func (p *Port) Refuse(id uint64, err error) {
	b := p.b
	ln := Urgent
	if id == 0 || id&PublishID != 0 {
		ln = Bulk
	}
	body := frame.ErrorBody{Code: frame.CodeOf(err), Text: err.Error()}
	b.tell(p, ln, func(dst []byte) []byte {
		dst = frame.AppendControl(dst, frame.TypeError, id, b.now, frame.ErrorSize(body))
		return frame.AppendError(dst, body)
	})
}

// portClosed settles the open requests that p asked or was asked.
func (b *Broker) portClosed(p *Port) {
	for key, r := range b.pending {
		switch p {
		case r.asker:
			b.settle(key, r)
			if r.responder != p {
				b.forwardCancel(r, key)
			}
		case r.responder:
			b.settle(key, r)
			b.control(r.asker, frame.TypeResponderDied, key.id)
		}
	}
}

// responderGone settles the open requests that s was to answer.
func (b *Broker) responderGone(s *Sub) {
	if !s.spec.Respond {
		return
	}
	for key, r := range b.pending {
		if r.sub == s {
			b.settle(key, r)
			b.control(r.asker, frame.TypeResponderDied, key.id)
		}
	}
}

// requestEvicted tells who asked that the request was dropped for want of memory.
func (b *Broker) requestEvicted(it *Item) {
	key := requestKey{it.Frame().Source(), it.Frame().ID()}
	if r := b.pending[key]; r != nil {
		b.settle(key, r)
		b.stats.refuse(frame.ErrMemory)
		r.asker.Refuse(key.id, frame.ErrMemory)
	}
}

// expireRequests ends requests whose time is over. Who asked with a deadline has
// most likely given up by itself; who asked without one learns it here.
func (b *Broker) expireRequests() {
	for key, r := range b.pending {
		if r.expires <= b.now {
			b.settle(key, r)
			r.asker.Refuse(key.id, frame.ErrDeadline)
			b.forwardCancel(r, key)
		}
	}
}

// readable returns it as p can read it, with a reference for the caller: as it is, or
// inflated. Where that fails whoever waits for an answer is told so, rather than left
// waiting.
func (b *Broker) readable(p *Port, it Item) (Item, error) {
	f := it.Frame()
	if f.Flags()&frame.FlagCompressed&^p.inflates == 0 {
		it.Buf.Retain(1)
		return it, nil
	}
	out, err := b.inflate(f)
	if err != nil {
		return Item{}, err
	}
	return Item{Buf: out, Len: uint32(len(out.B))}, nil
}

// Pong answers a ping of the client. It takes the way of what is refused, so that
// it comes behind the refusals of what was sent before the ping.
func (p *Port) Pong(id uint64, timeNs int64) {
	p.b.tell(p, Bulk, func(dst []byte) []byte { return frame.AppendControl(dst, frame.TypePong, id, timeNs, 0) })
}
