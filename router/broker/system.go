package broker

import (
	"encoding/json"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// The broker's own topics.
const (
	// StatsTarget answers a request with Stats in JSON.
	StatsTarget = "system.stats"
	// SlowTopic carries advisories, in JSON, of subscriptions that lose
	// messages: at most one a second for each, with its SubStats.
	SlowTopic = "system.advisory.slow"
)

// statsUnread bounds the bytes of answers that a client has not read. Beyond it, the broker
// refuses requests for statistics, because these answers are large and a request is small.
const statsUnread = 256 << 10

// answerStats answers a request for statistics. It refuses if the client does not read its
// earlier answers.
func (b *Broker) answerStats(p *Session, id uint64) error {
	if !p.local && p.inbox.Queue.QueuedBytes(bus.Urgent) > statsUnread {
		return bus.ErrOverloaded
	}
	body, err := b.encodedStats(p)
	if err != nil {
		return err
	}
	fields := frame.Fields{
		Type: frame.TypeReply, Priority: frame.NormalPriority, Content: frame.ContentJSON,
		Payload: body, Source: p.id, ID: id, Time: b.now, Sequence: b.seq,
	}
	b.sendControl(p, bus.Urgent, func(dst []byte) []byte {
		out, err := frame.Append(dst, &fields)
		if err != nil {
			panic("router: stats: " + err.Error()) // these fields can always be encoded
		}
		return out
	})
	if p.inbox.Queue.QueuedBytes(bus.Urgent) > statsUnread {
		p.press() // so that answers are written out before the client's next request
	}
	b.checkMemory()
	return nil
}

// encoded is a cached snapshot of the statistics in JSON.
type encoded struct {
	body     []byte
	turn     int64 // the time at which its turn began
	messages uint64
	gen      uint64
}

// encodedStats returns statistics of this turn. Encoding them costs as much as thousands of
// messages. So a client can have them encoded at most once a turn. If nothing was published
// and no subscription changed since, all clients of a turn get the same encoding.
func (b *Broker) encodedStats(p *Session) ([]byte, error) {
	e := &b.encoded
	if e.body != nil && e.turn == b.now && (p.statsTurn == b.now || e.messages == b.stats.total.messages && e.gen == b.index.gen) {
		return e.body, nil
	}
	s := b.snapshot()
	body, err := s.EncodeWithin(b.opts.MaxMessageSize-frame.HeaderSize, func() ([]byte, error) { return json.Marshal(s) })
	if err != nil {
		return nil, err
	}
	p.statsTurn = b.now
	*e = encoded{body, b.now, b.stats.total.messages, b.index.gen}
	return body, nil
}
