package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// inboxQueued is how many refusals, cancels and pongs an inbox holds. Its urgent
// lane is for answers, twice as many as there can be open requests.
const inboxQueued = 512

// Attach adds a client, which has those of the features of frame that features names.
// Routing thread only.
func (b *Broker) Attach(who bus.Identity, sink Sink, authorize bus.Authorize, features frame.Features) *Session {
	p := newSession(b, who, sink, authorize, features.Compressions(), false)
	p.features = features
	return p
}

// AttachLocal adds a client of this process, which consumes its queues on goroutines of its
// own. Each turn begins with taking frames from input, until the session is closed. Routing
// thread only.
func (b *Broker) AttachLocal(who bus.Identity, input Input, authorize bus.Authorize) *Session {
	p := newSession(b, who, localSink{}, authorize, frame.FlagCompressed, true)
	p.input = input
	b.inputs.all = append(b.inputs.all, input)
	return p
}

func newSession(b *Broker, who bus.Identity, sink Sink, authorize bus.Authorize, inflates frame.Flags, local bool) *Session {
	b.lastID++
	p := &Session{
		b: b, id: b.lastID, who: who, sink: sink, authorize: authorize, inflates: inflates & frame.FlagCompressed, local: local,
		limits: b.limits.Load(), subs: make(map[uint64]*Sub),
	}
	p.account.open(b.ledger, &who, local)
	p.topics.Init(b.routes, authorize, p.account.Account)
	p.inbox = &Sub{session: p}
	p.inbox.addLanes()
	p.inbox.Queue.Reset(bus.DropOldest, inboxQueued, 2*p.limits.MaxRequests, local)
	p.inbox.Queue.ChargeTo(p.account.Account)
	b.sessions[p.id] = p
	return p
}

// localSink is the sink of an in-process client's session. It writes nothing, because
// consumers dequeue messages on goroutines of their own.
type localSink struct{}

// Drain implements Sink.
func (localSink) Drain(p *Session) {
	for _, sub := range p.queued {
		sub.isReady = false
	}
	p.queued = p.queued[:0]
}

// Disconnect implements Sink; the broker ends in-process subscriptions itself.
func (localSink) Disconnect(frame.Code, string) {}

// Tick implements Sink.
func (localSink) Tick(int64) {}
