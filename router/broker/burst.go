package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
)

// burstLength is how many messages are routed as one piece at most.
const burstLength = 256

// burst collects messages that follow each other on one topic, from one session, in
// one buffer, so that what has to be done for each subscriber is done once for
// all of them.
type burst struct {
	route   *route
	session *Session
	buf     *buffer.Buffer
	items   []queue.Item // of capacity runLength
	special frame.Flags  // all flags seen
	bytes   uint64
	pairs   int // steps that tags and metadata cost
	inflate int // bytes that are to be inflated
	queued  int // of the last burst that was delivered: how many subscriptions took its messages, summed

	inflated []inflated

	parsed   []filter.Message
	messages []filter.Message // parsed, of this burst; nil where no filter is
}

// add appends a message. It fills the slot in field by field: a literal would be
// put together on the stack and copied in larger pieces than it was written in, and
// the processor waits for each of those.
func (r *burst) add(buf *buffer.Buffer, off, n int) {
	r.items = r.items[:len(r.items)+1]
	it := &r.items[len(r.items)-1]
	it.Buf, it.Off, it.Len = buf, uint32(off), uint32(n)
}

// Handle routes the frame f, which a client sent and which lies in buf at off.
// It takes publish, request, reply and cancel frames. The caller keeps its own
// reference on buf at least until EndBatch, and does not call Handle when the session is
// Spent. An error is the client's fault: it is counted, and the caller passes it on to the
// client with Refuse. Of a reply Handle does that by itself, under no number: its own is
// one of the asker's.
func (p *Session) Handle(buf *buffer.Buffer, off int, f frame.Frame) error {
	var err error
	if ext := f.Extension(); len(ext) > 0 {
		err = frame.CheckExtension(ext)
	}
	if f.Type() != frame.TypePublish {
		p.work += FrameWork
	}
	switch t := f.Type(); {
	case t == frame.TypeReply:
		if err == nil {
			err = checkReply(f)
		}
		err = p.reply(buf, off, f, err)
	case err != nil:
	case t == frame.TypePublish && f.Flags()&(frame.FlagRedelivered|frame.FlagConfirm) != 0:
		err = p.publishConfirmed(buf, off, f)
	case t == frame.TypePublish:
		err = p.publish(buf, off, f)
	case t == frame.TypeRequest:
		err = p.request(buf, off, f)
	case t == frame.TypeCancel:
		err = p.cancel(f)
	default:
		err = frame.ErrUnexpected
	}
	if err != nil && f.Type() == frame.TypeReply {
		p.refuseReply(err)
		return nil
	}
	if err != nil {
		p.work += FrameWork
		p.countRefused(err)
	}
	return err
}

func (p *Session) countRefused(err error) {
	p.stats.refused++
	p.b.stats.refuse(err)
}

// EndBatch routes what Handle has collected, and has pressed sessions written out. It
// must be called before the caller lets go of the buffer.
func (b *Broker) EndBatch() {
	b.endBurst()
	b.drainPressed()
}

// Pressed reports whether Handle has left sessions that are to be written out before
// it is called again; DrainPressed does that.
func (b *Broker) Pressed() bool { return len(b.pressed) > 0 }

// DrainPressed calls the sinks of the sessions that are pressed.
func (b *Broker) DrainPressed() { b.drainPressed() }

func (p *Session) publish(buf *buffer.Buffer, off int, f frame.Frame) error {
	b := p.b
	pr := p.lastTopic
	if topic := f.Topic(); pr == nil || string(topic) != pr.route.topic || pr.route.gen != b.index.gen {
		var err error
		if pr, err = p.lookup(topic); err != nil {
			return err
		}
	}
	if pr.err != nil {
		return pr.err
	}
	b.seq++
	f.Stamp(p.id, b.seq)
	r := &b.burst
	if r.route != pr.route || r.session != p || r.buf != buf || len(r.items) >= pr.route.step {
		b.endBurst()
		r.route, r.session, r.buf = pr.route, p, buf
	}
	r.add(buf, off, len(f))
	r.bytes += uint64(len(f))
	r.special |= f.Flags()
	if pr.route.pairs > 0 || f.Flags()&frame.FlagCompressed != 0 {
		b.limitBurst(f)
	}
	return nil
}

// endBurst delivers the collected burst.
func (b *Broker) endBurst() {
	r := &b.burst
	n := len(r.items)
	if n == 0 {
		return
	}
	queued := 0
	rt, p := r.route, r.session
	p.stats.published += uint64(n)
	p.stats.bytes += r.bytes
	b.stats.published(uint64(n), r.bytes)
	if r.special&frame.FlagRetain != 0 {
		b.retain(rt, r.items)
	}
	for _, s := range rt.replay {
		s.Add(rt.topic, rt.lane, r.items, b.now)
	}
	if len(rt.replay) > 0 {
		b.chargeStores()
	}
	compressed := r.special&frame.FlagCompressed != 0
	for _, s := range rt.unfiltered {
		if compressed {
			queued += b.deliverInflated(s, rt.lane, r.items)
			continue
		}
		queued += b.deliver(s, rt.lane, r.items)
	}
	r.messages = r.parse(rt, r.items)
	for _, s := range rt.filtered {
		b.picked = b.picked[:0]
		for i := range r.items {
			if s.filter.Match(&r.messages[i], rt.topic, p.who.Name) {
				b.picked = append(b.picked, r.items[i])
			}
		}
		queued += b.deliverInflated(s, rt.lane, b.picked)
	}
	for g := range rt.groups {
		queued += b.deliverGroup(&rt.groups[g], rt, r.items, r.messages, p.who.Name)
	}
	b.countWork()
	r.items = r.items[:0]
	r.releaseInflated()
	r.route, r.session, r.buf, r.special, r.bytes, r.pairs, r.inflate, r.messages = nil, nil, nil, 0, 0, 0, 0, nil
	r.queued = queued
	b.checkMemory()
}
