package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/queue"
)

// send puts a frame that the broker builds into p's inbox. Answers use the urgent lane.
// Frames that no call waits for use the bulk lane, so that they evict no answer.
func (p *Session) send(ln bus.Lane, build func(dst []byte) []byte) {
	it := p.b.control.Build(build)
	p.b.deliver(p.inbox, ln, []queue.Item{it})
	it.Buf.Release(1)
}

// sendBare sends p a frame that has only a type and an id.
func (p *Session) sendBare(t frame.Type, id uint64) {
	p.send(bus.Urgent, func(dst []byte) []byte { return frame.AppendControl(dst, t, id, p.b.now, 0) })
}

// Refuse sends the client an error frame for its frame with that id. If a call of the client
// waits for the answer, the error is urgent. No call waits for the answer to a publish frame
// or to a frame without an id.
func (p *Session) Refuse(id uint64, err error) {
	ln := bus.Urgent
	if id == 0 || id&endpoint.PublishID != 0 {
		ln = bus.Bulk
	}
	body := frame.FaultOf(err)
	p.send(ln, func(dst []byte) []byte {
		dst = frame.AppendControl(dst, frame.TypeError, id, p.b.now, frame.ErrorSize(body))
		return frame.AppendError(dst, body)
	})
}

// Pong answers a ping of the client. It uses the lane of refused publish frames, so that it
// comes behind the refusals of frames that were sent before the ping.
func (p *Session) Pong(id uint64, timeNs int64) {
	p.send(bus.Bulk, func(dst []byte) []byte { return frame.AppendControl(dst, frame.TypePong, id, timeNs, 0) })
}

// mustAppend appends a frame of fields that can always be encoded.
func mustAppend(dst []byte, fields *frame.Fields) []byte {
	out, err := frame.Append(dst, fields)
	if err != nil {
		panic("router: a frame of the broker's own: " + err.Error())
	}
	return out
}
