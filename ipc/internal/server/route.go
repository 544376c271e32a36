package server

import (
	"errors"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/broker"
)

// The work that one connection may make in a turn. Messages cost nothing here, because
// one read of them is bounded. A frame that is answered, looked up or inflated costs
// one, and one that may take long costs much more. What has come beyond that is routed
// in the next turn, before more is read.
const (
	turnWork = 256
	longWork = 16 // subscribe, unsubscribe, a request for statistics
)

func workOf(f frame.Frame) int {
	switch t := f.Type(); {
	case t == frame.TypeSubscribe, t == frame.TypeUnsubscribe,
		t == frame.TypeRequest && string(f.Topic()) == broker.StatsTarget:
		return longWork
	}
	return 1
}

// route handles the frames of buf between off and end, until c has made enough work
// for this turn. It returns where the first frame begins that it did not handle, for
// that reason or because it is not complete.
func (c *conn) route(buf *buffer.Buffer, off, end int) int {
	s := c.s
	handled := 0
	for off < end && c.work < turnWork && c.state.reads() {
		f, err := frame.Next(buf.B[off:end], c.maxFrame())
		if err != nil {
			if errors.Is(err, frame.ErrIncomplete) {
				break
			}
			if f == nil {
				s.b.EndBatch()
				c.refuse(0, err, true) // where the next frame begins is not known
				break
			}
			if c.state == accepted {
				c.refuse(f.ID(), errHello, true)
				break
			}
			if f.Type() == frame.TypeReply {
				c.session.BadReply(f, err)
			} else {
				s.b.Refused(err)
				c.refuse(f.ID(), err, false)
			}
			c.work++
			off += len(f)
			continue
		}
		if c.state == accepted {
			if err := c.hello(f); err != nil {
				c.refuse(f.ID(), err, true)
				break
			}
			off += len(f)
			continue
		}
		switch f.Type() {
		case frame.TypePublish, frame.TypeRequest, frame.TypeReply, frame.TypeCancel:
			handled++
			if f.Type() != frame.TypePublish || f.Flags()&frame.FlagCompressed != 0 {
				c.work += workOf(f)
			}
			if err := c.session.Handle(buf, off, f); err != nil {
				c.session.Refuse(f.ID(), err)
				c.work++
			}
			if s.b.Pressed() {
				s.b.DrainPressed()
			}
		case frame.TypePong:
		default:
			handled++
			c.work += workOf(f)
			c.control(f)
		}
		off += len(f)
	}
	if c.rate.perSecond > 0 && handled > 0 && c.state.reads() {
		c.charge(handled)
	}
	return off
}

// maxFrame is how long a frame of c may be.
func (c *conn) maxFrame() int {
	if c.state == accepted {
		return min(c.s.maxFrame, frame.HeaderSize+frame.MaxHandshake)
	}
	return c.s.maxFrame
}
