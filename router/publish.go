package router

import (
	"fmt"

	"github.com/daemoneye/eventbus/frame"
)

// systemTopic is the first segment of the broker's own topics.
const systemTopic = "system"

// runLength is how many messages are routed as one piece at most.
const runLength = 256

// run collects messages that follow each other on one topic, from one port, in
// one buffer, so that what has to be done for each subscriber is done once for
// all of them.
type run struct {
	route   *route
	port    *Port
	buf     *frame.Buffer
	items   []Item      // of capacity runLength
	special frame.Flags // all flags seen
	bytes   uint64
}

// add appends a message. It fills the slot in field by field: a literal would be
// put together on the stack and copied in larger pieces than it was written in, and
// the processor waits for each of those.
func (r *run) add(buf *frame.Buffer, off, n int) {
	r.items = r.items[:len(r.items)+1]
	it := &r.items[len(r.items)-1]
	it.Buf, it.Off, it.Len = buf, uint32(off), uint32(n)
}

// Handle routes the frame f, which a client sent and which lies in buf at off.
// It takes publish, request, reply and cancel frames; the caller keeps its own
// reference on buf at least until EndBatch. An error is the client's fault: it
// is counted, and the caller tells the client with Refuse. Of a reply Handle does
// that by itself, under no number: its own is one of the asker's.
func (p *Port) Handle(buf *frame.Buffer, off int, f frame.Frame) error {
	var err error
	if ext := f.Extension(); len(ext) > 0 {
		err = frame.CheckExtension(ext)
	}
	switch t := f.Type(); {
	case t == frame.TypeReply:
		if err == nil && len(f.Topic()) > 0 {
			err = frame.ErrTopic // it goes to who asked, and nowhere else
		}
		err = p.reply(buf, off, f, err)
	case err != nil:
	case t == frame.TypePublish:
		err = p.publish(buf, off, f)
	case t == frame.TypeRequest:
		err = p.request(buf, off, f)
	case t == frame.TypeCancel:
		err = p.cancel(f)
	default:
		err = frame.ErrUnexpected
	}
	if err != nil {
		p.stats.refused++
		p.b.stats.refuse(err)
		if f.Type() == frame.TypeReply {
			p.Refuse(0, err)
			return nil
		}
	}
	return err
}

// EndBatch routes what Handle has collected. It must be called before the
// caller lets go of the buffer.
func (b *Broker) EndBatch() { b.endRun() }

func (p *Port) publish(buf *frame.Buffer, off int, f frame.Frame) error {
	b := p.b
	pr := p.last
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
	r := &b.run
	if r.route != pr.route || r.port != p || r.buf != buf || len(r.items) == runLength {
		b.endRun()
		r.route, r.port, r.buf = pr.route, p, buf
	}
	r.add(buf, off, len(f))
	r.bytes += uint64(len(f))
	r.special |= f.Flags()
	return nil
}

// endRun delivers the collected run.
func (b *Broker) endRun() {
	r := &b.run
	n := len(r.items)
	if n == 0 {
		return
	}
	rt, p := r.route, r.port
	p.stats.published += uint64(n)
	p.stats.bytes += r.bytes
	b.stats.published(uint64(n), r.bytes)
	if r.special&frame.FlagRetain != 0 {
		b.retain(rt, r.items)
	}
	for _, s := range rt.replay {
		s.add(b, rt, r.items)
	}
	compressed := r.special&frame.FlagCompressed != 0
	for _, s := range rt.direct {
		if compressed {
			b.deliverInflated(s, rt.lane, r.items)
			continue
		}
		b.deliver(s, rt.lane, r.items)
	}
	for _, s := range rt.picky {
		b.picked = b.picked[:0]
		for i := range r.items {
			if s.filter.match(r.items[i].Frame(), rt.topic, p.who.Name) {
				b.picked = append(b.picked, r.items[i])
			}
		}
		b.deliverInflated(s, rt.lane, b.picked)
	}
	for g := range rt.groups {
		b.deliverGroup(&rt.groups[g], rt, r.items, p.who.Name)
	}
	r.items = r.items[:0]
	r.route, r.port, r.buf, r.special, r.bytes = nil, nil, nil, 0, 0
	if b.pool.Live() > b.opts.MaxMemory {
		b.relieve()
	}
}

func (b *Broker) deliverGroup(g *group, rt *route, items []Item, source string) {
	for i := range items {
		fr := items[i].Frame()
		s := g.pick(rt.lane, func(s *Sub) bool { return s.filter == nil || s.filter.match(fr, rt.topic, source) })
		if s != nil {
			b.deliverInflated(s, rt.lane, items[i:i+1])
		}
	}
}

// deliver queues items for s. Where they do not fit, a socket is first given
// the chance to take what is there: a turn may well be larger than a queue, and
// a subscriber that keeps up must not lose by that.
func (b *Broker) deliver(s *Sub, ln Lane, items []Item) {
	for len(items) > 0 {
		room := s.Queue.Room(ln)
		if room < len(items) {
			s.port.sink.Drain(s.port)
			room = s.Queue.Room(ln)
		}
		n := len(items)
		if room > 0 && room < n {
			n = room
		}
		b.push(s, ln, items[:n])
		items = items[n:]
	}
}

// push hands over one reference for each item. Items of one call share a
// buffer or come in runs that do.
func (b *Broker) push(s *Sub, ln Lane, items []Item) {
	for i := 0; i < len(items); {
		j := i + 1
		for j < len(items) && items[j].Buf == items[i].Buf {
			j++
		}
		items[i].Buf.Retain(j - i)
		i = j
	}
	dropped := s.Queue.Push(ln, items, &b.scratch)
	s.markReady()
	if dropped > 0 {
		b.noteDrop(s, dropped)
	}
}

// deliverInflated is deliver for a run that may hold compressed messages: a
// client that cannot undo the compression gets a copy that is not compressed.
func (b *Broker) deliverInflated(s *Sub, ln Lane, items []Item) {
	for i := 0; i < len(items); {
		j := i
		for j < len(items) && items[j].Frame().Flags()&frame.FlagCompressed&^s.port.inflates == 0 {
			j++
		}
		if j > i {
			b.deliver(s, ln, items[i:j])
		}
		if j < len(items) {
			b.deliverCopy(s, ln, items[j].Frame())
			j++
		}
		i = j
	}
}

// deliverCopy delivers an inflated copy of f. A payload that cannot be inflated
// counts as a drop: the subscriber sees a gap, and the statistics say why.
func (b *Broker) deliverCopy(s *Sub, ln Lane, f frame.Frame) {
	out, err := b.inflate(f)
	if err == nil {
		b.deliver(s, ln, []Item{{Buf: out, Len: uint32(len(out.B))}})
		out.Release(1)
		return
	}
	b.stats.refuse(err)
	b.stats.dropped(1)
	s.Queue.Skip(ln, 1, uint64(len(f)), frame.ReasonInflate)
	s.markReady()
}

// inflate returns a copy of f that is not compressed, in a buffer of its own that the
// caller releases. The buffer has the size that the payload says it inflates to, so
// that all of it is the pool's, and counts as memory in use.
func (b *Broker) inflate(f frame.Frame) (*frame.Buffer, error) {
	n, err := frame.InflatedLen(f, b.opts.MaxMessageSize)
	if err != nil {
		return nil, err
	}
	out := b.pool.Get(n)
	if out.B, err = frame.AppendInflated(out.B, f, b.opts.MaxMessageSize); err != nil {
		out.Release(1)
		return nil, err
	}
	return out, nil
}

// noteDrop counts drops, ends the port when that is the policy, and advises at
// most once a second who is slow.
func (b *Broker) noteDrop(s *Sub, n int) {
	if s.ID == 0 || s.spec.overflow() == Conflate {
		return // an inbox is no subscription; the other loses by its own wish
	}
	b.stats.dropped(uint64(n))
	if s.spec.overflow() == Disconnect {
		if s.port.local { // in process only the subscription ends
			if !s.ending {
				s.ending = true
				b.post(func() { s.port.stop(s, fmt.Errorf("queue of subscription %s is full: %w", s.Name(), frame.ErrSlow)) })
			}
			return
		}
		s.port.sink.Disconnect(frame.CodeSlow, "queue of subscription "+s.Name()+" is full, and its overflow policy is disconnect")
		return
	}
	if b.now-s.noted >= int64(Tick) {
		s.noted = b.now
		b.advise(s)
	}
}
