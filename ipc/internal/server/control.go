package server

import (
	"slices"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/bus"
)

// maxCtl is how many bytes of control frames may be queued for a client that is read
// from, and whose frames are routed. A turn's work may bring a little more.
const maxCtl = 64 << 10

// control handles a frame that is for the server itself.
func (c *conn) control(f frame.Frame) {
	s := c.s
	s.b.EndBatch() // messages that came before this frame are routed before it
	switch f.Type() {
	case frame.TypeSubscribe:
		spec, err := bus.ParseSubscription(f.Payload())
		var sub *broker.Sub
		var seq uint64
		if err == nil {
			sub, seq, err = c.session.Subscribe(f.ID(), spec)
		}
		if err != nil {
			s.b.CountRefused(err)
			c.refuse(f.ID(), err, false)
			return
		}
		c.ack(f.ID(), frame.Ack{Sequence: seq, Queue: uint32(sub.Granted()), Window: uint32(sub.Queue.Window())})
	case frame.TypeUnsubscribe:
		if f.Flags()&frame.FlagDrain != 0 && c.session.Stop(f.ID()) {
			c.drains = append(c.drains, f.ID())
			c.session.RequestWrite()
			return
		}
		if c.stream.Subscription == f.ID() {
			c.stream = frame.Stream{}
		}
		c.unsent.markLost(f.ID())
		c.session.Unsubscribe(f.ID())
		c.ack(f.ID(), frame.Ack{})
	case frame.TypeCredit:
		report, err := frame.ParseCredit(f.Payload())
		if err == nil {
			err = c.session.Credit(report)
		}
		if err != nil {
			s.b.CountRefused(err)
			c.refuse(f.ID(), err, false)
		}
	case frame.TypeSettle:
		if err := c.session.SettleFrame(f); err != nil {
			s.b.CountRefused(err)
			c.refuse(f.ID(), err, false)
		}
	case frame.TypePing:
		c.session.Pong(f.ID(), f.Time())
	case frame.TypeError:
		// The client reports an error of its own, which is only counted.
		s.b.CountRefused(frame.ErrFailed)
	case frame.TypeDrain:
		c.beginDrain(frame.AppendGoodbyeFrame(nil, frame.Now(), frame.Fault{Text: "drained"}))
		c.session.Finish() // without this, what is queued might never come to an end
		c.session.RequestWrite()
	case frame.TypeGoodbye:
		c.session.Finish() // what is in flight was sent to a client that ends by itself
		c.close(nil)
	default:
		s.b.CountRefused(frame.ErrUnexpected)
		c.refuse(f.ID(), frame.ErrUnexpected, false)
	}
}

// endDrained acknowledges the subscriptions that the client drains and that have
// nothing left to be written.
func (c *conn) endDrained() {
	if len(c.drains) == 0 {
		return
	}
	c.drains = slices.DeleteFunc(c.drains, func(id uint64) bool {
		if sub := c.session.Sub(id); sub != nil && sub.Queue.Pending() {
			return false
		}
		c.session.Unsubscribe(id)
		c.ctl = frame.AppendControl(c.ctl, frame.TypeAck, id, frame.Now(), frame.AckSize)
		c.ctl = frame.AppendAck(c.ctl, frame.Ack{})
		return true
	})
}

func (c *conn) ack(id uint64, a frame.Ack) {
	c.ctl = frame.AppendControl(c.ctl, frame.TypeAck, id, frame.Now(), frame.AckSize)
	c.ctl = frame.AppendAck(c.ctl, a)
	c.sendControl()
}

// sendControl has what was put into c.ctl written at the end of the turn, or at once
// when it is much. A client that does not take so much is not read until it has.
func (c *conn) sendControl() {
	if len(c.ctl) > maxCtl {
		c.flush()
	}
	if len(c.ctl) > maxCtl {
		c.setHold(holdReplies)
	}
	c.session.RequestWrite()
}

// controlWritten goes on reading from a client that has taken all control frames.
func (c *conn) controlWritten() {
	if c.hold&holdReplies != 0 {
		c.clearHold(holdReplies, frame.Now())
	}
}
