package broker

import (
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/requests"
)

// requestTTL is how long a request without a deadline may take.
const requestTTL = 5 * time.Minute

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
	key := requests.Key{Source: p.id, ID: f.ID()}
	if b.requests.Has(key) {
		return frame.ErrUnexpected
	}
	if p.account.requests >= p.limits.MaxRequests {
		return &bus.LimitError{Limit: "max_requests", Max: int64(p.limits.MaxRequests), Got: int64(p.account.requests + 1)}
	}
	b.seq++
	f.Stamp(p.id, b.seq)
	b.stats.Requests++
	if ok, err := p.answer(target, f); ok {
		return err
	}
	expires := b.now + int64(requestTTL)
	if deadline, ok := f.Extension().Deadline(); ok {
		if expires = deadline; expires <= b.now {
			return frame.ErrDeadline
		}
	}
	e := b.routes.Route(target).Responders.Pick(bus.Urgent, nil)
	if e == nil {
		b.stats.NoResponder++
		p.sendBare(frame.TypeNoResponder, f.ID())
		return nil
	}
	s := e.Subscription
	if s.Queue.Room(bus.Urgent) == 0 {
		return bus.ErrOverloaded
	}
	it, err := s.session.readable(p, queue.Item{Buf: buf, Off: uint32(off), Len: uint32(len(f))})
	if err != nil {
		return err
	}
	if err := p.account.openRequest(); err != nil {
		it.Buf.Release(1)
		return err
	}
	b.makeRoom(0)
	b.requests.Add(key, requests.Request{Responder: s.session.id, Subscription: s.ID, Sequence: b.seq, Expires: expires})
	b.deliver(s, bus.Urgent, []queue.Item{it})
	it.Buf.Release(1)
	return nil
}

// reply delivers a reply to its requester, if it comes from the responder that has the
// request. A reply that comes too late, or twice, is no error, because the requester may
// have gone. A malformed reply ends the request too, because no other will come. Both sides
// get the error.
func (p *Session) reply(buf *buffer.Buffer, off int, f frame.Frame, malformed error) error {
	b := p.b
	b.endBurst()
	key := requests.Key{Source: f.Source(), ID: f.ID()}
	requester, ok := b.takeRequest(key, p.id)
	if !ok {
		b.stats.LateReplies++
		return malformed
	}
	b.seq++
	f.Stamp(p.id, b.seq)
	if malformed != nil {
		requester.Refuse(key.ID, malformed)
		return malformed
	}
	it, err := requester.readable(p, queue.Item{Buf: buf, Off: uint32(off), Len: uint32(len(f))})
	if err != nil {
		requester.Refuse(key.ID, err)
		return err
	}
	b.deliver(requester.inbox, bus.Urgent, []queue.Item{it})
	it.Buf.Release(1)
	return nil
}

// checkReply finds what is wrong with a reply whose header and extension are well
// formed. It does not check a failure that is compressed; the requester does.
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

// BadReply is Handle for a reply that cannot be decoded, because of err. Like any malformed
// reply it ends its request.
func (p *Session) BadReply(f frame.Frame, err error) { p.refuseReply(p.reply(nil, 0, f, err)) }

// refuseReply sends the responder an error for its reply. The error has no number, because
// the number of a reply is the requester's.
func (p *Session) refuseReply(err error) {
	p.countRefused(err)
	p.Refuse(0, err)
}

func (p *Session) cancel(f frame.Frame) error {
	b := p.b
	b.endBurst()
	if r, ok := b.requests.Take(requests.Key{Source: p.id, ID: f.ID()}, 0); ok {
		p.account.closeRequest()
		b.sessions[r.Responder].sendCancel(&r)
	}
	return nil
}

// takeRequest closes an open request and returns the session that asked. A later reply
// finds none. A responder of 0 stands for any.
func (b *Broker) takeRequest(key requests.Key, responder uint32) (requester *Session, ok bool) {
	if _, ok := b.requests.Take(key, responder); !ok {
		return nil, false
	}
	requester = b.sessions[key.Source] // a session that ends closes its requests before
	requester.account.closeRequest()
	return requester, true
}

// sendCancel sends a responder the cancel of a request: its requester does not wait for the
// reply any more. The cancel is stamped as the request was, because the requester may use
// the number again.
func (p *Session) sendCancel(r *requests.Open) {
	p.send(bus.Bulk, func(dst []byte) []byte {
		start := len(dst)
		dst = frame.AppendControl(dst, frame.TypeCancel, r.ID, p.b.now, 0)
		frame.Frame(dst[start:]).Stamp(r.Source, r.Sequence)
		return dst
	})
}

// endRequests closes the open requests that p asked or was asked.
func (p *Session) endRequests() {
	b := p.b
	for _, r := range b.requests.TakeOf(p.id) {
		if r.Source != p.id {
			b.sessions[r.Source].responderDied(r.ID)
			continue
		}
		p.account.closeRequest()
		if r.Responder != p.id {
			b.sessions[r.Responder].sendCancel(&r)
		}
	}
}

// endRequests closes the open requests that s was to answer.
func (s *Sub) endRequests() {
	if s.spec.Respond {
		for _, r := range s.session.b.requests.TakeOfResponder(s.session.id, s.ID) {
			s.session.b.sessions[r.Source].responderDied(r.ID)
		}
	}
}

// responderDied ends an open request of p, because its responder has gone.
func (p *Session) responderDied(id uint64) {
	p.account.closeRequest()
	p.sendBare(frame.TypeResponderDied, id)
}

// expireRequests ends the requests whose time is over. A requester with a deadline of
// its own has most likely given up already; one without a deadline gets the error here.
func (b *Broker) expireRequests() {
	for _, r := range b.requests.TakeExpired(b.now) {
		requester := b.sessions[r.Source]
		requester.account.closeRequest()
		requester.Refuse(r.ID, frame.ErrDeadline)
		b.sessions[r.Responder].sendCancel(&r)
	}
}

// refuseEvicted answers the evicted requests with ErrMemory. That may evict others, which
// are refused too.
func (b *Broker) refuseEvicted() {
	for len(b.evicted) > 0 {
		last := len(b.evicted) - 1
		key := b.evicted[last]
		b.evicted = b.evicted[:last]
		if requester, ok := b.takeRequest(key, 0); ok {
			b.stats.CountRefused(frame.ErrMemory)
			requester.Refuse(key.ID, frame.ErrMemory)
		}
	}
}
