package router

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ring"
)

// Options configure a broker. The zero value means the documented defaults.
type Options struct {
	// Name tells brokers apart in statistics and logs; default "default".
	Name string
	// MaxMemory bounds the bytes of all message buffers, shared ones counted
	// once; default 100 MiB. Beyond it the oldest messages of the fattest queue
	// go first.
	MaxMemory int64
	// MaxQueued is the capacity of a subscription's bulk lane in messages, and
	// the most that one may ask for; default 1000.
	MaxQueued int
	// Overflows are the overflow policies that a subscription may choose beside
	// DropOldest; nil, the default, allows all.
	Overflows []Overflow
	// UrgentQueued is the capacity of its urgent lane; default 256.
	UrgentQueued int
	// MaxMessageSize bounds a whole frame, header included; default 1 MiB.
	MaxMessageSize int
	// MaxSubscriptions bounds the subscriptions of one client; default 256.
	MaxSubscriptions int
	// MaxRequests bounds the unanswered requests of one client; default 256.
	MaxRequests int
	// Urgent are the patterns of topics that travel in the urgent lane, beside
	// requests and replies, which always do.
	Urgent []string
	// Replay says what is kept for late subscribers; default nothing.
	Replay []ReplayRule
	// MaxRetained and MaxRetainedBytes bound the retained values; defaults 1024
	// topics, and 8 MiB of memory or an eighth of MaxMemory where that is less.
	// Beyond them the client that holds most loses its oldest.
	// Together with the rules of Replay they may hold half of MaxMemory.
	MaxRetained      int
	MaxRetainedBytes int64
	// LatencyBudget lets the routing thread merge wake-ups: while turns with
	// work follow each other faster than this, it pauses up to this long between
	// them. 0, the default, never waits.
	LatencyBudget time.Duration
}

func (o *Options) setDefaults() {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	if o.Name == "" {
		o.Name = "default"
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = 100 << 20
	}
	if o.MaxRetainedBytes == 0 {
		o.MaxRetainedBytes = min(8<<20, o.MaxMemory/8)
	}
	set(&o.MaxQueued, 1000)
	set(&o.UrgentQueued, 256)
	set(&o.MaxMessageSize, 1<<20)
	set(&o.MaxSubscriptions, 256)
	set(&o.MaxRequests, 256)
	set(&o.MaxRetained, 1024)
}

// check finds what no default can mend.
func (o *Options) check() error {
	for _, v := range []struct {
		name     string
		got, min int64
	}{
		{"MaxQueued", int64(o.MaxQueued), 1},
		{"UrgentQueued", int64(o.UrgentQueued), 1},
		{"MaxMessageSize", int64(o.MaxMessageSize), frame.HeaderSize},
		{"MaxMemory", o.MaxMemory, int64(o.MaxMessageSize)},
		{"MaxSubscriptions", int64(o.MaxSubscriptions), 1},
		{"MaxRequests", int64(o.MaxRequests), 1},
		{"MaxRetained", int64(o.MaxRetained), 1},
		{"MaxRetainedBytes", o.MaxRetainedBytes, 0},
		{"LatencyBudget", int64(o.LatencyBudget), 0},
	} {
		if v.got < v.min {
			return fmt.Errorf("%s is %d, want at least %d", v.name, v.got, v.min)
		}
	}
	for _, p := range o.Overflows {
		if !p.known() {
			return fmt.Errorf("unknown policy %q in Overflows, want %s, %s, %s or %s", p, DropOldest, DropNewest, Conflate, Disconnect)
		}
	}
	if o.MaxMessageSize > frame.MaxSize {
		return fmt.Errorf("MaxMessageSize is %d, want at most %d", o.MaxMessageSize, frame.MaxSize)
	}
	return nil
}

// Broker routes messages from ports to subscriptions. All of its state belongs
// to one goroutine, the routing thread, which is inside Run or RunWith; other
// goroutines reach it through clients and through calls that it takes between
// two turns. Methods are safe for concurrent use unless they say "routing
// thread only".
type Broker struct {
	opts   Options
	pool   *frame.Pool
	urgent Patterns

	// owned by the routing thread
	ports    map[uint32]*Port
	nextPort uint32
	seq      uint64 // of the last routed message
	now      int64  // when this turn began
	index    index
	run      run
	ready    []*Port // with something to write
	scratch  []Item
	picked   []Item
	ctl      *frame.Buffer // frames that the broker itself says are built here
	ctlLen   int
	pending  map[requestKey]*pendingRequest
	retained retained
	replay   []*replayStore
	locals   []*Local
	first    int    // whose turn it is to be first
	leaving  []*Sub // stopped, and perhaps not consumed to the end
	stats    counters
	encoded  encoded

	// safe for concurrent use
	latency histogram
	signal  *ring.Signal // where the routing thread sleeps
	running atomic.Bool
	ending  atomic.Bool   // the routing thread takes nothing more in
	done    chan struct{} // closed when the routing thread has ended

	mu     sync.Mutex
	calls  []func() // guarded by mu
	closed bool     // guarded by mu
	driver Driver   // guarded by mu until Run, constant from then on
}

// New makes a broker. It starts nothing: call Run, or hand it to ipc.Serve.
func New(o Options) (*Broker, error) {
	o.setDefaults()
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("router: options: %w", err)
	}
	urgent, err := ParsePatterns(o.Urgent...)
	if err != nil {
		return nil, fmt.Errorf("router: options: Urgent: %w", err)
	}
	b := &Broker{
		opts:    o,
		pool:    frame.NewPool(),
		urgent:  urgent,
		ports:   make(map[uint32]*Port),
		pending: make(map[requestKey]*pendingRequest),
		done:    make(chan struct{}),
	}
	b.signal = ring.NewSignalFunc(func() { b.driver.Wake() })
	b.index.init()
	b.run.items = make([]Item, 0, runLength)
	stored := o.MaxRetainedBytes
	for _, rule := range o.Replay {
		s, err := newReplayStore(rule)
		if err != nil {
			return nil, fmt.Errorf("router: options: Replay: %w", err)
		}
		b.replay = append(b.replay, s)
		stored += s.rule.MaxBytes
	}
	if stored > o.MaxMemory/2 { // else nothing would be left for messages on their way
		return nil, fmt.Errorf("router: options: MaxRetainedBytes and Replay hold %d bytes together, want at most half of MaxMemory, %d", stored, o.MaxMemory/2)
	}
	b.stats.start(Now())
	return b, nil
}

// Options returns the options in force.
func (b *Broker) Options() Options { return b.opts }

// Pool returns the pool that all message buffers come from.
func (b *Broker) Pool() *frame.Pool { return b.pool }

// Now returns CLOCK_MONOTONIC in nanoseconds, the clock of all times on the
// wire. All processes of a host share it.
func Now() int64 { return frame.Now() }

// errNotRunning explains a call that the routing thread will never take.
var errNotRunning = errors.New("broker has stopped")

// do runs f on the routing thread and returns when it has. When ctx or stop ends
// first it returns ctx.Err() or ErrClosed, and f runs later all the same.
func (b *Broker) do(ctx context.Context, stop <-chan struct{}, f func()) error {
	done := make(chan struct{})
	if !b.post(func() { f(); close(done) }) {
		return fmt.Errorf("router: %w: %w", errNotRunning, ErrClosed)
	}
	select {
	case <-done:
		return nil
	case <-b.done:
		select {
		case <-done: // it was the last thing that the thread did
			return nil
		default:
			return fmt.Errorf("router: %w: %w", errNotRunning, ErrClosed)
		}
	case <-stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// post hands f to the routing thread; false after it has ended.
func (b *Broker) post(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.calls = append(b.calls, f)
	b.signal.Notify() // wakes nobody before Run, which looks for calls first
	return true
}

// Post runs f on the routing thread between two turns. It returns false, and f
// never runs, when the broker has stopped.
func (b *Broker) Post(f func()) bool { return b.post(f) }

// Stopped is closed when the routing thread has ended.
func (b *Broker) Stopped() <-chan struct{} { return b.done }
