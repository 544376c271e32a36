package router

import (
	"fmt"
	"slices"

	"github.com/daemoneye/eventbus/frame"
)

// Sink is the far end of a port. Its methods are called on the routing thread,
// some of them in the middle of routing a message: they must not block, and must
// not call Port.Close or Port.Unsubscribe; a sink that fails ends its port
// between two turns.
type Sink interface {
	// Drain takes what the port's queues hold, as far as it goes without
	// waiting; see Port.Ready. It is not called after Port.Close. A sink whose consumers run on goroutines of their
	// own does nothing.
	Drain(p *Port)
	// Disconnect ends the port soon, for the reason given.
	Disconnect(code frame.Code, text string)
	// Tick is called about once a Tick.
	Tick(now int64)
}

// Identity is who is behind a port.
type Identity struct {
	// Name is what the client calls itself, as far as policy lets it.
	Name string `json:"name"`
	// Role is what policy made of it; free text for the router.
	Role string `json:"role,omitempty"`
	PID  int    `json:"pid,omitempty"`
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
}

// Op is what a client wants to do with a topic.
type Op uint8

// The operations that policy decides on.
const (
	OpPublish Op = iota
	OpSubscribe
	OpRequest
	OpRespond
)

func (o Op) String() string {
	return [...]string{"publish", "subscribe", "request", "respond"}[o]
}

// Authorize decides whether a client may do op with a topic or pattern; a
// refusal should wrap ErrDenied. Answers are cached for a topic.
type Authorize func(op Op, topic string) error

// Port is one client's place at the broker: what it sends enters here, and its
// subscriptions hang here. Routing thread only, but for ID and Identity.
type Port struct {
	b         *Broker
	id        uint32
	who       Identity
	sink      Sink
	authorize Authorize
	inflates  frame.Flags // compressions that the client can undo
	local     bool        // consumed on goroutines of this process
	listens   bool        // the inbox is, too
	closed    bool

	routes map[string]*portRoute
	last   *portRoute

	subs  map[uint64]*Sub
	inbox *Sub // replies and what else is addressed to the client itself

	isReady bool
	ready   []*Sub // with something queued
	asked   int    // unanswered requests

	stats portCounters
}

// Sub is one subscription of a port, or its inbox, whose ID is 0.
type Sub struct {
	ID    uint64
	Queue Queue

	port     *Port
	spec     Subscription
	patterns Patterns
	filter   *filter
	isReady  bool
	since    uint64 // the broker's sequence when it began
	noted    int64  // when its drops were last advised
	ending   bool   // its overflow policy is about to stop it
	stopped  bool   // nothing is routed to it any more
	why      error  // of stopped; written before Queue is closed
}

// maxPortRoutes bounds a port's cache of topics; beyond it the cache starts
// anew, so that a client which makes up topics costs itself and nobody else.
const maxPortRoutes = 1024

// portRoute is a topic as one port may use it.
type portRoute struct {
	route *route
	err   error // why the port may not publish there
}

// Attach adds a client. inflates names the compressions it can undo.
func (b *Broker) Attach(who Identity, sink Sink, authorize Authorize, inflates frame.Flags) *Port {
	return b.attach(who, sink, authorize, inflates, false)
}

func (b *Broker) attach(who Identity, sink Sink, authorize Authorize, inflates frame.Flags, local bool) *Port {
	b.nextPort++
	p := &Port{
		b: b, id: b.nextPort, who: who, sink: sink, authorize: authorize, inflates: inflates & frame.FlagCompressed, local: local,
		routes: make(map[string]*portRoute),
		subs:   make(map[uint64]*Sub),
	}
	p.inbox = &Sub{port: p}
	p.inbox.Queue.Reset(DropOldest, 1, 2*b.opts.MaxRequests, local)
	b.ports[p.id] = p
	return p
}

// ID returns the source id that the broker stamps on what the port sends.
func (p *Port) ID() uint32 { return p.id }

// Identity returns who is behind the port.
func (p *Port) Identity() Identity { return p.who }

// Broker returns the port's broker.
func (p *Port) Broker() *Broker { return p.b }

// Ready returns the subscriptions that have something queued, for the sink to
// drain: take from their queues, and keep those that are not empty yet.
func (p *Port) Ready() *[]*Sub { return &p.ready }

// Done says that the sink emptied s's queue and dropped it from Ready.
func (s *Sub) Done() { s.isReady = false }

// markReady puts s on its port's list, and the port on the broker's.
func (s *Sub) markReady() {
	p := s.port
	if !s.isReady {
		s.isReady = true
		if s.ID == 0 {
			p.ready = slices.Insert(p.ready, 0, s) // what is addressed goes first
		} else {
			p.ready = append(p.ready, s)
		}
	}
	p.markReady()
}

func (p *Port) markReady() {
	if !p.isReady {
		p.isReady = true
		p.b.ready = append(p.b.ready, p)
	}
}

// MarkReady has the sink drained at the end of this turn.
func (p *Port) MarkReady() { p.markReady() }

// Subscribe adds a subscription under an id of the client's choice, which must
// not be 0 or in use, and returns the broker's sequence at that point.
func (p *Port) Subscribe(id uint64, spec Subscription) (*Sub, uint64, error) {
	b := p.b
	b.endRun()
	if p.closed {
		return nil, 0, ErrClosed
	}
	if id == 0 || p.subs[id] != nil {
		return nil, 0, fmt.Errorf("%w: id %d is 0 or in use", ErrSubscription, id)
	}
	if len(p.subs) >= b.opts.MaxSubscriptions {
		return nil, 0, &LimitError{"max_subscriptions", int64(b.opts.MaxSubscriptions), int64(len(p.subs) + 1)}
	}
	patterns, f, err := spec.compile()
	if err != nil {
		return nil, 0, err
	}
	op := OpSubscribe
	if spec.Respond {
		op = OpRespond
		for _, pat := range patterns {
			if isSystem(pat.String()) {
				return nil, 0, ErrReserved
			}
		}
	}
	if p.authorize != nil {
		for _, pat := range patterns {
			if err := p.authorize(op, pat.String()); err != nil {
				return nil, 0, err
			}
		}
	}
	s := &Sub{ID: id, port: p, spec: spec, patterns: patterns, filter: f, since: b.seq, noted: b.now - int64(Tick)}
	capacity := b.opts.MaxQueued
	if spec.Queue > 0 && spec.Queue < capacity {
		capacity = spec.Queue
	}
	overflow := spec.overflow()
	if spec.Respond {
		overflow = DropNewest // a request that does not fit is refused, not lost
	}
	early := b.early(s)
	s.Queue.Reset(overflow, capacity+early.room[Bulk], b.opts.UrgentQueued+early.room[Urgent], p.local)
	if spec.Respond {
		s.Queue.evicted = b.requestEvicted
	}
	p.subs[id] = s
	b.index.add(s)
	b.deliverEarly(s, &early)
	return s, b.seq, nil
}

// Unsubscribe ends a subscription and drops what is queued for it; it reports
// whether there was one. Who waits for an answer of a responder that ends so
// learns that it died.
func (p *Port) Unsubscribe(id uint64) bool {
	s := p.subs[id]
	if s == nil {
		return false
	}
	p.b.endRun()
	p.remove(s, nil)
	p.b.responderGone(s)
	return true
}

// Finish has nothing more routed to the port's subscriptions. What is queued can
// still be taken, and requests be answered, until Close.
func (p *Port) Finish() {
	p.b.endRun()
	for _, s := range p.subs {
		p.stop(s, nil)
	}
}

// stop has nothing more routed to s, because of why.
func (p *Port) stop(s *Sub, why error) {
	if s.stopped {
		return
	}
	s.stopped, s.why = true, why
	p.b.index.remove(s)
	p.b.leaving = append(p.b.leaving, s)
	s.Queue.Close()
}

// remove stops s and drops what is queued, where that is the routing thread's to
// take; the consumer of a local subscription does it by itself.
func (p *Port) remove(s *Sub, why error) {
	p.stop(s, why)
	delete(p.subs, s.ID)
	p.dropReady(s)
	if !p.local {
		s.Queue.Discard()
	}
}

func (p *Port) dropReady(s *Sub) {
	if i := slices.Index(p.ready, s); i >= 0 {
		p.ready = slices.Delete(p.ready, i, i+1)
	}
	s.isReady = false
}

// Sub returns the subscription with that id, or nil.
func (p *Port) Sub(id uint64) *Sub { return p.subs[id] }

// Close removes the port: its subscriptions end, its open requests are
// cancelled, and who waits for its replies learns that it died.
func (p *Port) Close() {
	if p.closed {
		return
	}
	p.b.endRun()
	p.closed = true
	for _, s := range p.subs {
		p.remove(s, ErrClosed)
	}
	p.b.portClosed(p)
	p.inbox.Queue.Close()
	if !p.listens {
		p.inbox.Queue.Discard()
	}
	p.ready = nil
	delete(p.b.ports, p.id)
	p.b.closeBooks()
}
