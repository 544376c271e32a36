package broker

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// Stats takes a snapshot. It waits for the routing thread's next turn.
func (b *Broker) Stats(ctx context.Context) (bus.Stats, error) {
	var s bus.Stats
	if err := b.calls.Do(ctx, nil, func() { s = b.snapshot() }); err != nil {
		return bus.Stats{}, err // s may be being written
	}
	return s, nil
}

// Identity returns the identity of the client whose messages and requests have this
// source, false where it has gone. It waits for the routing thread's next turn.
func (b *Broker) Identity(ctx context.Context, source uint32) (who bus.Identity, ok bool, err error) {
	var found struct {
		who bus.Identity
		ok  bool
	}
	if err := b.calls.Do(ctx, nil, func() {
		if p := b.sessions[source]; p != nil {
			found.who, found.ok = p.who, true
		}
	}); err != nil {
		return bus.Identity{}, false, err // found may be being written
	}
	return found.who, found.ok, nil
}

func (b *Broker) snapshot() bus.Stats {
	b.finalizeDrained()
	s := b.stats.Snapshot(bus.Now())
	s.Broker, s.OpenRequests, s.Retained = b.opts.Name, b.requests.Len(), b.store.Values()
	s.BufferBytes, s.MaxBufferBytes, s.Charged = b.pool.Live(), b.opts.MaxMemory, b.ledger.ByKind()
	s.Topics = b.routes.Len()
	for _, p := range b.sessions {
		c := &p.stats
		s.Clients = append(s.Clients, bus.ClientStats{
			Source: p.id, Identity: p.who, Published: c.published, PublishedBytes: c.bytes, Refused: c.refused, Paused: c.paused,
		})
	}
	slices.SortFunc(s.Clients, func(x, y bus.ClientStats) int { return cmp.Compare(x.Source, y.Source) })
	for _, sub := range b.draining {
		n := sub.Queue.Count()
		s.Add(&n)
	}
	for sub := range b.routes.All() {
		n := sub.Queue.Count()
		s.AddSubscription(sub.stats(&n), &n)
	}
	slices.SortFunc(s.Subscriptions, func(x, y bus.SubStats) int {
		return cmp.Or(cmp.Compare(x.Source, y.Source), cmp.Compare(x.ID, y.ID))
	})
	return s.Stats
}

// StatsTarget answers a request with Stats in JSON.
const StatsTarget = "system.stats"

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
	fields := frame.Fields{
		Type: frame.TypeReply, Priority: frame.NormalPriority, Content: frame.ContentJSON,
		Payload: body, Source: p.id, ID: id, Time: b.now, Sequence: b.seq,
	}
	p.send(bus.Urgent, func(dst []byte) []byte { return mustAppend(dst, &fields) })
	if p.inbox.Queue.QueuedBytes(bus.Urgent) > statsUnread {
		p.press() // so that answers are written out before the client's next request
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
