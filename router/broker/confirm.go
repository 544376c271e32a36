package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
)

// publishConfirmed routes a message for which its client wants an ack, which says how
// many subscriptions have queued it. The ack is an answer: it takes the urgent lane of
// the inbox, where no refusal takes its place, and comes before the pong of a ping that
// is behind the message.
func (p *Session) publishConfirmed(buf *buffer.Buffer, off int, f frame.Frame) error {
	if f.Flags()&frame.FlagRedelivered != 0 || p.features&frame.FeatureConfirm == 0 {
		return frame.ErrFlags // only the broker sets the one, and this session does not have the other
	}
	matched, err := p.publishAlone(buf, off, f)
	if err != nil {
		return err
	}
	id, ack := f.ID(), frame.Ack{Sequence: f.Sequence(), Matched: uint32(matched)}
	p.b.sendControl(p, bus.Urgent, func(dst []byte) []byte {
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
	p.work += FrameWork
	if err := p.publish(buf, off, f); err != nil {
		return 0, err
	}
	b.endBurst()
	return b.burst.queued, nil
}

// PublishConfirmed routes an encoded publish frame at once, behind all that was handled
// before, and returns how many subscriptions have queued it. It copies the frame. It serves
// in-process clients.
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
