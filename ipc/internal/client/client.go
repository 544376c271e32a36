package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/topic"
)

// Options configure a client: those of ipc.ClientOptions, which says what they mean,
// with their defaults set.
type Options struct {
	Path          string
	FD            int
	Name, Role    string
	LatencyBudget time.Duration
	Queue         int
	Compress      frame.Flags
	NoReconnect   bool
	Backlog       int
	OnState       func(err error)
	OnError       func(err error)
}

// Client is a connection to a broker, which comes back when it is lost. It
// implements bus.Bus. Safe for concurrent use.
type Client struct {
	o     Options
	pool  *frame.Pool
	out   outbox
	calls endpoint.Requester
	resp  endpoint.Responders

	terms atomic.Pointer[terms]

	mu       sync.Mutex
	subs     map[uint64]*clientSub // guarded by mu
	closed   bool                  // guarded by mu
	draining bool                  // guarded by mu; closed by Drain, and not by Close yet
	fd       int                   // guarded by mu; -1 without a connection

	// owned by the reading goroutine
	why     error  // the last connection ended; others read it when over is closed
	suspect uint64 // the message that was being written when the broker ended one for a fault

	open    flights
	reader  atomic.Int64 // the thread that reads; 0 when it has ended
	closing sync.Once
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	workers sync.WaitGroup // goroutines, and handlers' goroutines
	over    chan struct{}  // closed when the reading goroutine has ended
}

var _ bus.Bus = (*Client)(nil)

// Dial connects to a broker. It tries once; errors are *unixsock.OpError, over a
// *PeerError when the broker refused. It starts goroutines that Close waits for.
func Dial(ctx context.Context, o Options) (*Client, error) {
	s, err := dial(ctx, &o)
	if err != nil {
		return nil, err
	}
	c := &Client{o: o, pool: frame.NewPool(), subs: make(map[uint64]*clientSub), fd: s.fd, over: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.calls = endpoint.Requester{Send: func(_ context.Context, f *frame.Fields) error { return c.send(f) }, MaxPayload: s.welcome.MaxMessageSize}
	c.resp = endpoint.Responders{Send: c.send, Failed: c.report}
	c.terms.Store(newTerms(s.welcome))
	if err := c.out.init(o.LatencyBudget, o.Backlog); err != nil {
		unix.Close(s.fd)
		return nil, unixsock.NewOpError("dial", o.Path, err)
	}
	c.out.connect(s.fd, s.welcome.MaxMessageSize)
	c.work(c.out.run)
	go c.run(s) // Close waits for over
	return c, nil
}

// work runs f on a goroutine that Close waits for; false when that was called.
func (c *Client) work(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.workers.Go(f)
	return true
}

func (c *Client) report(err error) {
	if c.o.OnError != nil {
		c.o.OnError(err)
	}
}

// terms are what the broker said in its welcome, made ready for use.
type terms struct {
	frame.Welcome
	urgent   topic.Patterns
	inflates frame.Flags // compressions that the broker takes
}

func newTerms(w frame.Welcome) *terms {
	t := &terms{Welcome: w}
	for _, text := range w.Urgent {
		if p, err := topic.ParsePattern(text, true); err == nil { // another would be of a later version
			t.urgent = append(t.urgent, p)
		}
	}
	t.inflates = frame.Compressions(w.Features)
	return t
}

// another reports whether these are of another broker than last: its sequences
// begin anew. One without an epoch is told by the number of the connection, which
// a broker counts up.
func (t *terms) another(last *terms) bool {
	if t.Epoch != "" || last.Epoch != "" {
		return t.Epoch != last.Epoch
	}
	return t.Source <= last.Source
}

// admit returns an error for a frame that the broker does not take for its size
// of n bytes, which is that of the inflated one.
func (t *terms) admit(n int) error {
	if n > t.MaxMessageSize {
		return &bus.LimitError{Limit: "max_message_size", Max: int64(t.MaxMessageSize), Got: int64(n)}
	}
	return nil
}

// lane returns the one that topic takes to the broker: what is urgent there goes
// first here.
func (t *terms) lane(topic string) bus.Lane {
	if t.urgent.Match(topic) {
		return bus.Urgent
	}
	return bus.Bulk
}

// Source returns the id that the broker stamps on what this client sends.
func (c *Client) Source() uint32 { return c.terms.Load().Source }

// Welcome returns what the broker said of itself and its limits.
func (c *Client) Welcome() frame.Welcome { return c.terms.Load().Welcome }

// send encodes and sends a frame. Requests, replies and what is small and
// awaited go ahead of bulk messages.
func (c *Client) send(f *frame.Fields) error {
	n := frame.HeaderSize + len(f.Topic) + len(f.Extension) + len(f.Payload)
	if err := c.terms.Load().admit(n); err != nil {
		return err
	}
	lane := bus.Urgent
	switch f.Type {
	case frame.TypePublish:
		lane = c.terms.Load().lane(f.Topic)
	case frame.TypePing:
		lane = bus.Bulk // it says that all before it has arrived
	}
	return c.out.write(lane, n, f)
}

// Request implements bus.Bus.
func (c *Client) Request(ctx context.Context, target string, body []byte) (bus.Reply, error) {
	if c.reading() {
		return bus.Reply{}, fmt.Errorf("request %q: %w", target, ErrInHandler)
	}
	defer c.open.begin()()
	return c.calls.Request(ctx, target, body)
}

// Flush implements bus.Bus: a ping, whose answer comes when all before it
// has been routed.
func (c *Client) Flush(ctx context.Context) error {
	if c.reading() {
		return ErrInHandler
	}
	f := frame.Fields{Type: frame.TypePing, Priority: frame.NormalPriority, ID: c.calls.NextID(), Time: frame.Now()}
	if err := c.out.flushNow(); err != nil {
		return err
	}
	return c.await(ctx, &f)
}

// await sends a frame at once and waits for its ack or pong.
func (c *Client) await(ctx context.Context, f *frame.Fields) error {
	if c.reading() {
		return ErrInHandler
	}
	if err := c.calls.Await(ctx, f); err != nil {
		var e *frame.ErrorBody
		if errors.As(err, &e) {
			return &PeerError{e.Code, e.Text}
		}
		return err
	}
	return nil
}
