package router

import "github.com/daemoneye/eventbus/frame"

// Sink is the far end of a port. Its methods are called on the routing thread,
// some of them in the middle of routing a message: they must not block, and must
// not call Port.Close or Port.Unsubscribe; a sink that fails ends its port
// between two turns.
type Sink interface {
	// Drain takes what the port's queues hold, as far as it goes without waiting;
	// see Port.Ready. It is not called after Port.Close. A sink whose consumers run
	// on goroutines of their own takes nothing and only empties Ready.
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
// refusal should wrap ErrDenied. Its answers to OpPublish are kept with the topic;
// of the others it is asked each time.
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

	subs   map[uint64]*Sub
	weight int  // patterns and filter entries of subs, at most maxPortWeight
	listed int  // their bytes, at most maxPortListed
	inbox  *Sub // answers, and what else is addressed to the client itself

	isReady bool
	ready   []*Sub // with something queued
	asked   int    // unanswered requests
	counted int64  // the turn in which statistics were last made for it

	stats portCounters
}

// maxPortRoutes bounds a port's cache of topics; beyond it the cache starts anew.
// A client that makes up topics so has most of the cost itself. Others have some
// when the broker's own cache is full, see maxRoutes: their routes are then worked
// out once more, unless their ports know them.
const maxPortRoutes = 1024

// inboxQueued is how many refusals, cancels and pongs an inbox holds. Its urgent
// lane is for answers, twice as many as there can be open requests.
const inboxQueued = 512

// maxPortWeight and maxPortListed bound the memory that the subscriptions of a
// client take, by number and bytes of what they list.
const (
	maxPortWeight = 4096
	maxPortListed = 1 << 20
)

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
	p.inbox.Queue.Reset(DropOldest, inboxQueued, 2*b.opts.MaxRequests, local)
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

func (p *Port) markReady() {
	if !p.isReady {
		p.isReady = true
		p.b.ready = append(p.b.ready, p)
	}
}

// Paused counts that the client was made to wait because it sends too fast.
func (p *Port) Paused() { p.stats.paused++ }

// MarkReady has the sink drained at the end of this turn.
func (p *Port) MarkReady() { p.markReady() }

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
