package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/queue"
)

// sendBare sends p a frame that has only a type and an id.
func (b *Broker) sendBare(p *Session, t frame.Type, id uint64) {
	b.sendControl(p, bus.Urgent, func(dst []byte) []byte { return frame.AppendControl(dst, t, id, b.now, 0) })
}

// Refuse sends the client an error frame for its frame with that id. If a call of the client
// waits for the answer, the error is urgent. No call waits for the answer to a publish frame
// or to a frame without an id.
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

// Pong answers a ping of the client. It uses the lane of refused publish frames, so that it
// comes behind the refusals of frames that were sent before the ping.
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
	// The slice has no capacity beyond the buffer. So append moves a frame that does not
	// fit to new memory, from which it is copied to a buffer that is large enough.
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

// sendControl puts a frame that the broker builds into p's inbox. Answers use the urgent
// lane. Frames that no call waits for use the bulk lane, so that they evict no answer.
func (b *Broker) sendControl(p *Session, ln bus.Lane, build func(dst []byte) []byte) {
	it := b.buildControl(build)
	b.deliver(p.inbox, ln, []queue.Item{it})
	it.Buf.Release(1)
}
