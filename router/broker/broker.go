package broker

import (
	"fmt"
	"sync/atomic"

	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/ring"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/store"
	"github.com/daemoneye/eventbus/router/thread"
	"github.com/daemoneye/eventbus/router/topic"
)

// Broker routes messages from sessions to subscriptions. All of its state belongs
// to one goroutine, the routing thread, which is inside Run or RunWith; other
// goroutines reach it through clients and through calls that it takes between
// two turns. Methods are safe for concurrent use unless they say "routing
// thread only".
type Broker struct {
	opts   Options
	pool   *buffer.Pool
	urgent topic.Patterns

	// owned by the routing thread
	sessions   map[uint32]*Session
	lastID     uint32
	seq        uint64 // of the last routed message
	now        int64  // when this turn began
	ledger     *charge.Ledger
	own        *charge.Account // of what belongs to no client
	stored     charge.Charge   // of what the stores take beside their buffers
	weights    weights
	evicted    []requestKey // to be refused
	refusing   bool         // that goes on
	index      routes
	burst      burst
	parsed     filter.Message // for a moment
	turns      uint64         // of the loop
	writeList  []*Session     // with something to write
	later      []*Session     // to be written in the next turn
	slow       []*Sub         // to be advised
	advising   bool           // advisories are being published
	pressed    []*Session     // to be written, or disconnected, before anything more is routed
	rotated    []*Sub         // for a moment
	scratch    []queue.Item
	picked     []queue.Item
	control    *buffer.Buffer // where the broker's own frames are built
	controlLen int
	pending    map[requestKey]*pendingRequest
	retained   *store.Retained
	replay     []*store.Replay
	inputs     []Input
	turn       int    // whose turn it is to be first
	draining   []*Sub // stopped, and perhaps not consumed to the end
	stats      counters
	encoded    encoded
	driver     Driver // set before the thread first sleeps

	// safe for concurrent use
	latency histogram
	kept    atomic.Int64 // what was charged at the last tick, buffers included
	signal  *ring.Signal // where the routing thread sleeps
	calls   *thread.Calls
	running atomic.Bool
	ending  atomic.Bool // the routing thread takes nothing more in
}

// New makes a broker. It starts nothing: call Run, or hand it to ipc.Serve.
func New(o Options) (*Broker, error) {
	o.setDefaults()
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("router: options: %w", err)
	}
	urgent, err := topic.ParsePatterns(o.Urgent...)
	if err != nil {
		return nil, fmt.Errorf("router: options: Urgent: %w", err)
	}
	b := &Broker{
		opts:     o,
		pool:     buffer.NewPool(),
		urgent:   urgent,
		sessions: make(map[uint32]*Session),
		pending:  make(map[requestKey]*pendingRequest),
	}
	b.signal = ring.NewSignalFunc(func() { b.driver.Wake() })
	b.calls = thread.NewCalls(b.signal.Notify)
	b.index.init()
	b.burst.items = make([]queue.Item, 0, burstLength)
	b.retained = store.NewRetained(b.pool, store.Limits{Values: o.MaxRetained, Bytes: o.MaxRetainedBytes})
	left := o.MaxMemory/2 - o.MaxRetainedBytes // else nothing would be left for messages on their way
	for _, rule := range o.Replay {
		r, err := store.NewReplay(rule, b.pool)
		if err != nil {
			return nil, fmt.Errorf("router: options: Replay: %w", err)
		}
		b.replay = append(b.replay, r)
		if left -= r.Rule().MaxBytes; left < 0 {
			break
		}
	}
	if left < 0 {
		return nil, fmt.Errorf("router: options: MaxRetainedBytes and Replay hold more than half of MaxMemory together, which is %d", o.MaxMemory/2)
	}
	b.ledger = charge.NewLedger(o.MaxMemory, o.maxFixed(o.MaxMemory/2-left), b.pool)
	b.own = b.ledger.Open(true)
	b.stored = b.own.Empty(charge.Stores)
	b.index.charge = b.own.Empty(charge.Routes)
	b.stats.start(bus.Now())
	return b, nil
}

// Options returns the options in force.
func (b *Broker) Options() Options { return b.opts }

// Pool returns the pool that all message buffers come from.
func (b *Broker) Pool() *buffer.Pool { return b.pool }

// Signal returns what wakes the routing thread: the signal for the ring of an Input.
func (b *Broker) Signal() *ring.Signal { return b.signal }

// Calls returns the calls that other goroutines hand to the routing thread.
func (b *Broker) Calls() *thread.Calls { return b.calls }

// Post runs f on the routing thread between two turns. It returns false, and f never
// runs, when the broker has stopped.
func (b *Broker) Post(f func()) bool { return b.calls.Post(f) }

// Running reports whether the broker has a routing thread, or had one.
func (b *Broker) Running() bool { return b.running.Load() }

// Ending reports whether the routing thread takes nothing more in.
func (b *Broker) Ending() bool { return b.ending.Load() }

// Stopped returns a channel that is closed when the routing thread has ended.
func (b *Broker) Stopped() <-chan struct{} { return b.calls.Stopped() }
