package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/queue"
)

// sendBare tells p something that is only a type and an id.
func (b *Broker) sendBare(p *Session, t frame.Type, id uint64) {
	b.sendControl(p, bus.Urgent, func(dst []byte) []byte { return frame.AppendControl(dst, t, id, b.now, 0) })
}

// Refuse tells the client that its frame numbered id was refused, and why. To who
// asks something that is an answer; a refused publish, or what has no number, has
// nobody waiting.
func (p *Session) Refuse(id uint64, err error) {
	b := p.b
	ln := bus.Urgent
	if id == 0 || id&endpoint.PublishID != 0 {
		ln = bus.Bulk
	}
	body := frame.FaultOf(err)
	b.sendControl(p, ln, func(dst []byte) []byte {
		dst = frame.AppendControl(dst, frame.TypeError, id, b.now, frame.ErrorSize(body))
		return frame.AppendError(dst, body)
	})
}

// Pong answers a ping of the client. It takes the way of what is refused, so that
// it comes behind the refusals of what was sent before the ping.
func (p *Session) Pong(id uint64, timeNs int64) {
	p.b.sendControl(p, bus.Bulk, func(dst []byte) []byte { return frame.AppendControl(dst, frame.TypePong, id, timeNs, 0) })
}

// buildControl appends a frame of the broker's own to the control buffer and returns it
// as an item that carries one reference.
func (b *Broker) buildControl(build func(dst []byte) []byte) queue.Item {
	const size, keep = 16 << 10, 4 << 10
	if b.control == nil || size-b.controlLen < keep {
		if b.control != nil {
			b.control.Release(1)
		}
		b.control, b.controlLen = b.pool.Get(size), 0
		b.control.B = b.control.B[:size]
	}
	buf, off := b.control, b.controlLen
	// Built with no capacity beyond the buffer: what does not fit moves to
	// memory of its own, and from there to a buffer that is large enough.
	out := build(buf.B[off:off:size])
	if len(out) > size-off {
		big := b.pool.Get(len(out))
		big.B = append(big.B[:0], out...)
		return queue.Item{Buf: big, Len: uint32(len(big.B))}
	}
	if len(out) > 0 && &out[0] != &buf.B[off] {
		copy(buf.B[off:], out)
	}
	b.controlLen += len(out)
	buf.Retain(1)
	return queue.Item{Buf: buf, Off: uint32(off), Len: uint32(len(out))}
}

// sendControl puts a frame of the broker's own into p's inbox: an answer in the urgent
// lane, and what nobody waits for in the bulk lane, so that it evicts no answer.
func (b *Broker) sendControl(p *Session, ln bus.Lane, build func(dst []byte) []byte) {
	it := b.buildControl(build)
	b.deliver(p.inbox, ln, []queue.Item{it})
	it.Buf.Release(1)
}
