package broker

import (
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// requestTTL is how long a request without a deadline may take.
const requestTTL = 5 * time.Minute

// requestKey identifies an open request: the session that asks and its own number.
type requestKey struct {
	source uint32
	id     uint64
}

// pendingRequest is a request that a responder has, or will have, in its queue.
type pendingRequest struct {
	asker, responder *Session
	sub              *Sub   // of the responder
	seq              uint64 // the broker's, of the request
	expires          int64
}

func (p *Session) request(buf *buffer.Buffer, off int, f frame.Frame) error {
	b := p.b
	b.endBurst()
	topic := f.Topic()
	if err := frame.CheckTopic(topic); err != nil {
		return err
	}
	target := string(topic)
	if p.authorize != nil {
		if err := p.authorize(bus.OpRequest, target); err != nil {
			return err
		}
	}
	key := requestKey{p.id, f.ID()}
	if b.pending[key] != nil {
		return frame.ErrUnexpected
	}
	if p.openRequests >= b.opts.MaxRequests {
		return &bus.LimitError{Limit: "max_requests", Max: int64(b.opts.MaxRequests), Got: int64(p.openRequests + 1)}
	}
	b.seq++
	f.Stamp(p.id, b.seq)
	b.stats.requests++
	if target == StatsTarget {
		p.work += LongWork
		return b.answerStats(p, f.ID())
	}
	expires := b.now + int64(requestTTL)
	if deadline, ok := f.Extension().Deadline(); ok {
		if expires = deadline; expires <= b.now {
			return frame.ErrDeadline
		}
	}
	rt := b.route(target)
	s := rt.responders.pick(bus.Urgent, nil)
	if s == nil {
		b.stats.noResponder++
		b.sendBare(p, frame.TypeNoResponder, f.ID())
		return nil
	}
	if s.Queue.Room(bus.Urgent) == 0 {
		return bus.ErrOverloaded
	}
	it, err := b.readable(p, s.session, queue.Item{Buf: buf, Off: uint32(off), Len: uint32(len(f))})
	if err != nil {
		return err
	}
	if err := p.openRequest(); err != nil {
		it.Buf.Release(1)
		return err
	}
	b.pending[key] = &pendingRequest{asker: p, responder: s.session, sub: s, seq: b.seq, expires: expires}
	b.deliver(s, bus.Urgent, []queue.Item{it})
	it.Buf.Release(1)
	return nil
}

// reply delivers a reply to its requester, if it comes from the responder that has the
// request. A reply that comes too late, or twice, is no error, because the requester may
// have gone. A malformed reply ends the request too, because no other will come; both
// sides get the error.
func (p *Session) reply(buf *buffer.Buffer, off int, f frame.Frame, malformed error) error {
	b := p.b
	b.endBurst()
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
	it, err := b.readable(p, r.asker, queue.Item{Buf: buf, Off: uint32(off), Len: uint32(len(f))})
	if err != nil {
		r.asker.Refuse(key.id, err)
		return err
	}
	b.deliver(r.asker.inbox, bus.Urgent, []queue.Item{it})
	it.Buf.Release(1)
	return nil
}

// checkReply finds what is wrong with a reply whose header and extension are well
// formed. A failure that is compressed is the requester's to read.
func checkReply(f frame.Frame) error {
	if len(f.Topic()) > 0 {
		return frame.ErrTopic // it goes to the requester, and nowhere else
	}
	if f.Flags()&(frame.FlagFailed|frame.FlagCompressed) == frame.FlagFailed {
		_, err := frame.ParseFailure(f.Payload())
		return err
	}
	return nil
}

// BadReply takes a reply that cannot be decoded, because of err: it ends its request
// as any reply that is at fault. It is Handle's counterpart for those.
func (p *Session) BadReply(f frame.Frame, err error) { p.refuseReply(p.reply(nil, 0, f, err)) }

// refuseReply has the responder know that its reply is at fault. The error has no
// number, because the reply's is one of the requester's.
func (p *Session) refuseReply(err error) {
	p.countRefused(err)
	p.Refuse(0, err)
}

func (p *Session) cancel(f frame.Frame) error {
	p.b.endBurst()
	key := requestKey{p.id, f.ID()}
	if r := p.b.pending[key]; r != nil {
		p.b.settle(key, r)
		p.b.forwardCancel(r, key)
	}
	return nil
}

// settle ends an open request: a later reply finds none.
func (b *Broker) settle(key requestKey, r *pendingRequest) {
	delete(b.pending, key)
	r.asker.closeRequest()
}

// forwardCancel sends a responder the cancel of a request: its requester does not wait
// for the reply any more. The cancel is stamped as the request was, because the requester
// may use the number again.
func (b *Broker) forwardCancel(r *pendingRequest, key requestKey) {
	b.sendControl(r.responder, bus.Bulk, func(dst []byte) []byte {
		start := len(dst)
		dst = frame.AppendControl(dst, frame.TypeCancel, key.id, b.now, 0)
		frame.Frame(dst[start:]).Stamp(key.source, r.seq)
		return dst
	})
}

// portClosed settles the open requests that p asked or was asked.
func (b *Broker) portClosed(p *Session) {
	for key, r := range b.pending {
		switch p {
		case r.asker:
			b.settle(key, r)
			if r.responder != p {
				b.forwardCancel(r, key)
			}
		case r.responder:
			b.settle(key, r)
			b.sendBare(r.asker, frame.TypeResponderDied, key.id)
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
			b.sendBare(r.asker, frame.TypeResponderDied, key.id)
		}
	}
}

// expireRequests ends the requests whose time is over. A requester with a deadline of
// its own has most likely given up already; one without a deadline gets the error here.
func (b *Broker) expireRequests() {
	for key, r := range b.pending {
		if r.expires <= b.now {
			b.settle(key, r)
			r.asker.Refuse(key.id, frame.ErrDeadline)
			b.forwardCancel(r, key)
		}
	}
}
