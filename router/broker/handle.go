package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
)

// Handle routes the frame f, which a client sent and which lies in buf at off.
// It takes publish, request, reply and cancel frames. The caller keeps its own
// reference on buf at least until EndBatch, and does not call Handle when the session is
// Spent. An error is the client's fault. Handle counts it, and the caller passes it on to
// the client with Refuse. Handle itself refuses a reply, without a number, because the
// number of a reply is the requester's.
func (p *Session) Handle(buf *buffer.Buffer, off int, f frame.Frame) error {
	var err error
	if f.ExtensionSize() > 0 {
		err = frame.CheckExtension(f.Extension())
	}
	switch t := f.Type(); {
	case t == frame.TypePublish:
		switch {
		case err != nil:
		case f.Flags()&(frame.FlagRedelivered|frame.FlagConfirm) != 0:
			err = p.publishConfirmed(buf, off, f)
		default:
			err = p.publish(buf, off, f)
		}
	case t == frame.TypeReply:
		p.work.Add(FrameWork)
		if err == nil {
			err = checkReply(f)
		}
		if err = p.reply(buf, off, f, err); err != nil {
			p.refuseReply(err)
		}
		return nil
	default:
		p.work.Add(FrameWork)
		if err == nil {
			err = p.call(buf, off, f)
		}
	}
	if err != nil {
		p.work.Add(FrameWork)
		p.countRefused(err)
	}
	return err
}

// call handles a frame of one who requests.
func (p *Session) call(buf *buffer.Buffer, off int, f frame.Frame) error {
	switch f.Type() {
	case frame.TypeRequest:
		return p.request(buf, off, f)
	case frame.TypeCancel:
		return p.cancel(f)
	}
	return frame.ErrUnexpected
}

// EndBatch routes what Handle has collected, and has sessions with little room written out.
// It must be called before the caller lets go of the buffer.
func (b *Broker) EndBatch() {
	b.endBurst()
	if len(b.evicted) > 0 {
		b.refuseEvicted()
	}
	b.WriteFirst()
}

func (p *Session) publish(buf *buffer.Buffer, off int, f frame.Frame) error {
	b := p.b
	name := f.Topic()
	t := p.topics.Last(name)
	if t == nil {
		var work int
		var err error
		if t, work, err = p.topics.Find(name); err != nil {
			return err
		}
		p.work.Add(work)
	}
	if t.Err != nil {
		return t.Err
	}
	b.seq++
	f.Stamp(p.id, b.seq)
	r := &b.burst
	if r.route != t.Route || r.session != p || r.buf != buf || len(r.items) >= t.Route.Step {
		b.endBurst()
		r.route, r.session, r.buf = t.Route, p, buf
	}
	r.add(buf, off, len(f))
	r.bytes += uint64(len(f))
	r.flags |= f.Flags()
	if t.Route.Pairs > 0 || f.Flags()&frame.FlagCompressed != 0 {
		if r.addWork(f, b.opts.MaxMessageSize) {
			b.endBurst()
		}
	}
	return nil
}

// publishConfirmed routes a message with the flag confirm, and sends its client an ack with
// the number of subscriptions that have queued it. The ack takes the urgent lane of the
// inbox, as answers do, so that refusals of publish frames do not evict it. It comes before
// the pong of a later ping.
func (p *Session) publishConfirmed(buf *buffer.Buffer, off int, f frame.Frame) error {
	if f.Flags()&frame.FlagRedelivered != 0 || p.features&frame.FeatureConfirm == 0 {
		return frame.ErrFlags // only the broker sets redelivered, and confirm needs the feature
	}
	matched, err := p.publishAlone(buf, off, f)
	if err != nil {
		return err
	}
	id, ack := f.ID(), frame.Ack{Sequence: f.Sequence(), Matched: uint32(matched)}
	p.send(bus.Urgent, func(dst []byte) []byte {
		return frame.AppendAck(frame.AppendControl(dst, frame.TypeAck, id, p.b.now, frame.AckSize), ack)
	})
	return nil
}

// publishAlone routes a message as a burst of its own, without the flag confirm, and
// returns how many subscriptions have queued it. A group counts once.
func (p *Session) publishAlone(buf *buffer.Buffer, off int, f frame.Frame) (matched int, err error) {
	b := p.b
	b.endBurst()
	f.SetFlags(f.Flags() &^ frame.FlagConfirm)
	p.work.Add(FrameWork)
	if err := p.publish(buf, off, f); err != nil {
		return 0, err
	}
	b.endBurst()
	return b.burst.queued, nil
}

// PublishConfirmed routes an encoded publish frame at once, after all frames that were
// handled before, and returns how many subscriptions have queued it. It copies the frame. It
// is for in-process clients.
func (p *Session) PublishConfirmed(message []byte) (matched int, err error) {
	buf := p.b.pool.Get(len(message))
	defer buf.Release(1)
	buf.B = append(buf.B, message...)
	f := frame.Frame(buf.B)
	if ext := f.Extension(); len(ext) > 0 {
		err = frame.CheckExtension(ext)
	}
	if err == nil {
		matched, err = p.publishAlone(buf, 0, f)
	}
	if err != nil {
		p.countRefused(err)
		fault := frame.FaultOf(err) // as over a socket
		return 0, &fault
	}
	return matched, nil
}
