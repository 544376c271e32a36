package server

import (
	"errors"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/broker"
)

// The work that one connection may make in a turn is bounded, and counted by its session.
// What has come beyond that is routed in the next turn, before more is read.

// spent reports whether c has made its work for this turn. A connection without a session
// sends one frame only.
func (c *conn) spent() bool { return c.session != nil && c.session.Spent() }

// beginTurn begins a turn; false means that c has to pay yet for what it did in earlier
// ones.
func (c *conn) beginTurn() bool { return c.session == nil || c.session.BeginTurn() }

// route handles the frames of buf between off and end, until c has made enough work
// for this turn. It returns where the first frame begins that it did not handle, for
// that reason or because it is not complete.
func (c *conn) route(buf *buffer.Buffer, off, end int) int {
	s := c.s
	handled, limit := 0, c.maxFrame()
	for off < end && !c.spent() && c.state.reads() {
		f, err := frame.Next(buf.B[off:end], limit)
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
				s.b.CountRefused(err)
				c.refuse(f.ID(), err, false)
			}
			c.session.AddWork(broker.FrameWork)
			handled++
			off += len(f)
			continue
		}
		if c.state == accepted {
			if err := c.hello(f); err != nil {
				c.refuse(f.ID(), err, true)
				break
			}
			off += len(f)
			limit = c.maxFrame()
			continue
		}
		switch f.Type() {
		case frame.TypePublish, frame.TypeRequest, frame.TypeReply, frame.TypeCancel:
			if err := c.session.Handle(buf, off, f); err != nil {
				c.session.Refuse(f.ID(), err)
			}
			if s.b.MustWriteFirst() {
				s.b.WriteFirst()
			}
		case frame.TypePong:
		default:
			c.session.AddWork(broker.FrameWork)
			c.control(f)
		}
		handled++
		off += len(f)
	}
	if c.rate.perSecond > 0 && handled > 0 && c.state.reads() {
		c.spend(handled)
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
