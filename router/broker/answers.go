package broker

import (
	"encoding/json"
	"fmt"
	"strconv"

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

// The targets of requests that the broker answers itself.
const (
	// StatsTarget answers with Stats in JSON.
	StatsTarget = "system.stats"
	// IdentityTarget answers with the Identity of a client in JSON. The request's payload is
	// the client's source in decimal. The answer is null if no such client is connected.
	IdentityTarget = bus.IdentityTarget
)

// answer answers a request for one of these targets. It returns false for others.
func (p *Session) answer(target string, f frame.Frame) (ok bool, err error) {
	switch target {
	case StatsTarget:
		p.work.Add(LongWork)
		return true, p.answerStats(f.ID())
	case IdentityTarget:
		return true, p.answerIdentity(f)
	}
	return false, nil
}

func (p *Session) answerIdentity(f frame.Frame) error {
	source, err := strconv.ParseUint(string(f.Payload()), 10, 32)
	if err != nil || f.Flags()&frame.FlagCompressed != 0 {
		return fmt.Errorf("%w: a request to %s has the number of a source", frame.ErrBody, IdentityTarget)
	}
	var who *bus.Identity
	if q := p.b.sessions[uint32(source)]; q != nil {
		who = &q.who
	}
	body, err := json.Marshal(who)
	if err == nil {
		p.sendReply(f.ID(), body)
	}
	return err
}

// sendReply sends p the broker's own answer to a request.
func (p *Session) sendReply(id uint64, body []byte) {
	fields := frame.Fields{
		Type: frame.TypeReply, Priority: frame.NormalPriority, Content: frame.ContentJSON,
		Payload: body, Source: p.id, ID: id, Time: p.b.now, Sequence: p.b.seq,
	}
	p.send(bus.Urgent, func(dst []byte) []byte { return mustAppend(dst, &fields) })
}

// statsUnread bounds the bytes of answers that a client has not read. Beyond it, the broker
// refuses requests for statistics, because these answers are large and a request is small.
const statsUnread = 256 << 10

// answerStats answers a request for statistics. It refuses if the client does not read its
// earlier answers.
func (p *Session) answerStats(id uint64) error {
	b := p.b
	if !p.local && p.inbox.Queue.QueuedBytes(bus.Urgent) > statsUnread {
		return bus.ErrOverloaded
	}
	body, err := p.encodedStats()
	if err != nil {
		return err
	}
	p.sendReply(id, body)
	if p.inbox.Queue.QueuedBytes(bus.Urgent) > statsUnread {
		p.writeFirst() // so that answers are written out before the client's next request
	}
	b.checkMemory()
	return nil
}

// encodedStats returns statistics of this turn. Encoding them costs as much as thousands of
// messages. So a client can have them encoded at most once a turn. If nothing was published
// and no subscription changed since, all clients of a turn get the same encoding.
func (p *Session) encodedStats() ([]byte, error) {
	b := p.b
	e := &b.encoded
	messages, generation := b.stats.Total().Messages, b.routes.Generation()
	if e.body != nil && e.turn == b.now && (p.statsTurn == b.now || e.messages == messages && e.generation == generation) {
		return e.body, nil
	}
	s := b.snapshot()
	body, err := s.EncodeWithin(b.opts.MaxMessageSize-frame.HeaderSize, func() ([]byte, error) { return json.Marshal(s) })
	if err != nil {
		return nil, err
	}
	p.statsTurn = b.now
	*e = encodedStats{body, b.now, messages, generation}
	return body, nil
}
