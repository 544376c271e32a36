package broker

import (
	"fmt"
	"slices"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/routes"
	"github.com/daemoneye/eventbus/router/settle"
	"github.com/daemoneye/eventbus/router/thread"
)

// Session is a connected client: the broker takes its frames here, and keeps its
// subscriptions here. Routing thread only, except for ID and Identity.
type Session struct {
	b         *Broker
	id        uint32
	who       bus.Identity
	sink      Sink
	input     Input // nil unless it is local
	authorize bus.Authorize
	limits    *Limits // as they were when the client connected
	features  frame.Features
	inflates  frame.Flags // compressions that the client can undo
	local     bool        // consumed on goroutines of this process
	keepInbox bool        // the inbox has a consumer, which takes what is left in it
	closed    bool

	topics        routes.Topics[*Sub]
	settlers      map[uint64]*settle.Publisher // publishers that ask what was taken, by number
	subs          map[uint64]*Sub
	filterEntries int  // patterns and filter entries of subs, at most maxSessionEntries
	filterBytes   int  // their bytes, at most maxSessionBytes
	inbox         *Sub // answers, and what else is addressed to the client itself

	work        thread.Work
	inflateWork int    // of what its sink takes, in inflateTurn
	inflateTurn uint64 // a turn of the broker
	statsTurn   int64  // the turn in which statistics were last made for it
	account     account

	queued       []*Sub  // with something queued
	inWriteList  bool    // it is in Broker.writeList
	isLater      bool    // it is in Broker.later
	inWriteFirst bool    // it is in Broker.writeFirst
	ending       *ending // why the sink is to disconnect; nil: it is not
	disconnected bool    // the sink knows of ending

	stats sessionCounters
}

// sessionCounters are one session's.
type sessionCounters struct{ published, bytes, refused, paused uint64 }

// ending is why a session is to be disconnected.
type ending struct {
	code frame.Code
	text string
}

// TurnWork is how many steps of work a client may have the routing thread make in a turn.
const TurnWork = thread.TurnWork

// What frames cost, in steps.
const (
	// FrameWork is for a frame that is answered or looked up.
	FrameWork = TurnWork / 256
	// LongWork is for one that may take long: subscribe, unsubscribe, statistics.
	LongWork = 16 * FrameWork
)

// ID returns the source id that the broker stamps on what the session sends.
func (p *Session) ID() uint32 { return p.id }

// Identity returns the identity of the session's client.
func (p *Session) Identity() bus.Identity { return p.who }

// Closed reports whether the session was closed.
func (p *Session) Closed() bool { return p.closed }

// Sub returns the subscription with that id, or nil.
func (p *Session) Sub(id uint64) *Sub { return p.subs[id] }

// Inbox returns the queue of answers, and of what else the broker sends to the client
// itself. A local client consumes it.
func (p *Session) Inbox() *queue.Queue { return &p.inbox.Queue }

// LeaveInbox makes Close leave what is in the inbox to its consumer.
func (p *Session) LeaveInbox() { p.keepInbox = true }

// BeginTurn begins a turn of a client. It returns false if the client still has to make up
// for its work in earlier turns. The caller then does not read from the client.
func (p *Session) BeginTurn() bool { return p.work.Begin() }

// Spent reports whether the client has made its work for this turn. What Handle has
// collected, and EndBatch has not routed yet, is not counted.
func (p *Session) Spent() bool { return p.work.Spent() }

// AddWork counts steps that were made for the client elsewhere.
func (p *Session) AddWork(steps int) { p.work.Add(steps) }

// CountPause counts that the client was made to wait because it sends too fast.
func (p *Session) CountPause() { p.stats.paused++ }

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

// RequestWrite has the sink drained at the end of this turn.
func (p *Session) RequestWrite() {
	if !p.inWriteList {
		p.inWriteList = true
		p.b.writeList = append(p.b.writeList, p)
	}
}

// writeNextTurn has the sink drained in the next turn.
func (p *Session) writeNextTurn() {
	if !p.isLater {
		p.isLater = true
		p.b.later = append(p.b.later, p)
	}
}

// writeFirst has the sink drained before more is routed. In-process clients are not marked,
// because their consumers run on other goroutines.
func (p *Session) writeFirst() {
	if !p.inWriteFirst && !p.local && !p.closed {
		p.inWriteFirst = true
		p.b.writeFirst = append(p.b.writeFirst, p)
	}
}

// disconnect marks p to be disconnected, with a code and a text. WriteFirst calls its sink
// when routing has returned.
func (p *Session) disconnect(code frame.Code, text string) {
	if p.ending == nil {
		p.ending = &ending{code, text}
		p.writeFirst()
	}
}

func (p *Session) countRefused(err error) {
	p.stats.refused++
	p.b.stats.CountRefused(err)
}

// needsInflating reports whether p cannot read f as it is.
func (p *Session) needsInflating(f frame.Frame) bool {
	return f.Flags()&frame.FlagCompressed&^p.inflates != 0
}

// dropReady takes s off the list of those with something queued.
func (p *Session) dropReady(s *Sub) {
	if i := slices.Index(p.queued, s); i >= 0 {
		p.queued = slices.Delete(p.queued, i, i+1)
	}
	s.isReady = false
}

// Memory that the broker keeps for a client is charged to the client's account before it
// is allocated. The sizes were measured as the growth of the heap on 64-bit Linux and
// rounded up; bounds_test.go compares them.
const (
	sessionBytes = 2432 // with its inbox and empty maps
	inProcess    = 8192 // more for an in-process client: rings, signals, goroutines
	requestBytes = 224
)

// account is what a session is charged for: itself, with its open requests, and with what
// its subscriptions, queues and cached topics are charged for.
type account struct {
	*charge.Account
	session  charge.Charge
	base     int64 // of the session without requests
	requests int   // that are open
}

// open charges a new session. The charge can't be refused here; the server bounds the number
// of clients when it admits them.
func (a *account) open(l *charge.Ledger, who *bus.Identity, local bool) {
	a.base = sessionBytes + int64(len(who.Name))
	if local {
		a.base += inProcess
	}
	a.Account = l.Open(local)
	a.session = a.Empty(charge.Sessions)
	a.session.Force(a.base)
}

// openRequest charges one more open request.
func (a *account) openRequest() error {
	if err := a.hold(&a.session, a.base+requestBytes*int64(a.requests+1)); err != nil {
		return err
	}
	a.requests++
	return nil
}

func (a *account) closeRequest() {
	a.requests--
	a.session.Resize(a.base + requestBytes*int64(a.requests))
}

// hold sets one of the charges of fixed memory to n bytes. It returns a LimitError if the
// client's share does not allow that. The caller then makes room for what was charged.
func (a *account) hold(c *charge.Charge, n int64) error {
	more := n - c.Bytes()
	if !c.Resize(n) {
		return fmt.Errorf("what a client makes the broker keep: %w",
			&bus.LimitError{Limit: "max_memory_bytes", Max: a.MaxFixed(), Got: a.Fixed() + more})
	}
	return nil
}
