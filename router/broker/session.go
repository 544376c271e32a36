package broker

import (
	"slices"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/queue"
)

// Session is one client's place at the broker: what it sends enters here, and its
// subscriptions hang here. Routing thread only, but for ID and Identity.
type Session struct {
	b         *Broker
	id        uint32
	who       bus.Identity
	sink      Sink
	authorize bus.Authorize
	features  frame.Features
	inflates  frame.Flags // compressions that the client can undo
	local     bool        // consumed on goroutines of this process
	keepInbox bool        // the inbox has a consumer, which takes what is left in it
	input     Input       // of a local client
	closed    bool

	routes    map[string]*sessionTopic
	lastTopic *sessionTopic

	subs          map[uint64]*Sub
	filterEntries int  // patterns and filter entries of subs, at most maxSessionEntries
	filterBytes   int  // their bytes, at most maxSessionBytes
	inbox         *Sub // answers, and what else is addressed to the client itself

	work        int    // steps of this turn, see work.go
	inflateWork int    // of what its sink takes, in inflateTurn
	inflateTurn uint64 // a turn of the broker
	isLater     bool   // it is in Broker.later
	account     *charge.Account
	charge      charge.Charge // of the session itself
	topicCharge charge.Charge // of routes

	inWriteList  bool
	isPressed    bool
	disconnected bool    // the sink knows of ending
	ending       *ending // why the sink is to disconnect; nil: it is not
	queued       []*Sub  // with something queued
	openRequests int     // unanswered requests
	statsTurn    int64   // the turn in which statistics were last made for it

	stats sessionCounters
}

// inboxQueued is how many refusals, cancels and pongs an inbox holds. Its urgent
// lane is for answers, twice as many as there can be open requests.
const inboxQueued = 512

// maxSessionEntries and maxSessionBytes bound what the subscriptions of a client list,
// in number and bytes. What they take of memory is charged beside that.
const (
	maxSessionEntries = 4096
	maxSessionBytes   = 1 << 20
)

// Attach adds a client, which has those of the features of frame that features names.
func (b *Broker) Attach(who bus.Identity, sink Sink, authorize bus.Authorize, features frame.Features) *Session {
	p := b.attach(who, sink, authorize, features.Compressions(), false)
	p.features = features
	return p
}

// AttachLocal adds a client of this process, which consumes its queues on goroutines of its
// own. Each turn begins with taking frames from input, until the session is closed.
func (b *Broker) AttachLocal(who bus.Identity, input Input, authorize bus.Authorize) *Session {
	p := b.attach(who, localSink{}, authorize, frame.FlagCompressed, true)
	p.input = input
	b.inputs = append(b.inputs, input)
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

func (b *Broker) attach(who bus.Identity, sink Sink, authorize bus.Authorize, inflates frame.Flags, local bool) *Session {
	b.lastID++
	p := &Session{
		b: b, id: b.lastID, who: who, sink: sink, authorize: authorize, inflates: inflates & frame.FlagCompressed, local: local,
		routes: make(map[string]*sessionTopic),
		subs:   make(map[uint64]*Sub),
	}
	p.openAccount()
	p.inbox = &Sub{session: p}
	p.inbox.Queue.Reset(bus.DropOldest, inboxQueued, 2*b.opts.MaxRequests, local)
	p.inbox.Queue.ChargeTo(p.account)
	b.sessions[p.id] = p
	return p
}

// ID returns the source id that the broker stamps on what the session sends.
func (p *Session) ID() uint32 { return p.id }

// Identity returns the identity of the session's client.
func (p *Session) Identity() bus.Identity { return p.who }

// Closed reports whether the session was closed.
func (p *Session) Closed() bool { return p.closed }

// Inbox returns the queue of answers, and of what else the broker sends to the client
// itself. A local client consumes it.
func (p *Session) Inbox() *queue.Queue { return &p.inbox.Queue }

// LeaveInbox makes Close leave what is in the inbox to its consumer.
func (p *Session) LeaveInbox() { p.keepInbox = true }

// Queued returns the subscriptions that have something queued, in the order in which
// a sink should take from them: what is addressed to the client itself first. The
// slice is the session's, and is valid until the next call of one of its methods.
func (p *Session) Queued() []*Sub { return p.queued }

// Settle is called by a sink that has taken from Queued: those that are empty leave
// the list. next is the place of the one to be first the next time, and 0 leaves the
// order as it is.
func (p *Session) Settle(next int) {
	subs := p.queued
	if len(subs) > 0 && subs[0].ID == 0 {
		subs, next = subs[1:], max(0, next-1) // what is addressed stays first
	}
	if next > 0 {
		p.b.rotated = append(append(p.b.rotated[:0], subs[next:]...), subs[:next]...)
		copy(subs, p.b.rotated)
		clear(p.b.rotated)
	}
	kept := p.queued[:0]
	for _, sub := range p.queued {
		if sub.Queue.Pending() {
			kept = append(kept, sub)
		} else {
			sub.isReady = false
		}
	}
	clear(p.queued[len(kept):])
	p.queued = kept
}

// DiscardQueued drops all that is queued for the client, which will not take it. Its
// subscriptions stay.
func (p *Session) DiscardQueued() {
	for _, sub := range p.queued {
		sub.Queue.Discard()
		sub.isReady = false
	}
	clear(p.queued)
	p.queued = p.queued[:0]
}

func (p *Session) markWritable() {
	if !p.inWriteList {
		p.inWriteList = true
		p.b.writeList = append(p.b.writeList, p)
	}
}

// CountPause counts that the client was made to wait because it sends too fast.
func (p *Session) CountPause() { p.stats.paused++ }

// RequestWrite has the sink drained at the end of this turn.
func (p *Session) RequestWrite() { p.markWritable() }

// Close removes the session: its subscriptions end, its open requests are cancelled, and
// the requesters that wait for its replies get responder-died.
func (p *Session) Close() {
	if p.closed {
		return
	}
	p.b.endBurst()
	p.closed = true
	for _, s := range p.subs {
		p.remove(s, bus.ErrClosed)
	}
	p.b.portClosed(p)
	p.inbox.Queue.Close()
	if !p.keepInbox {
		p.inbox.Queue.Discard()
	}
	p.queued = nil
	p.inbox.release()
	p.dropTopics()
	p.charge.Release()
	delete(p.b.sessions, p.id)
	p.b.index.shrink = true
	p.b.finalizeDrained()
	if p.input != nil {
		p.b.inputs = slices.DeleteFunc(p.b.inputs, func(x Input) bool { return x == p.input })
	}
}
