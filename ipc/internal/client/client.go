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
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/ipc/internal/outbox"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
)

// Options configure a client: those of ipc.ClientOptions, which states what they mean,
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

// Client has a connection to a broker, which is made again when it is lost. It
// implements bus.Bus. Safe for concurrent use.
type Client struct {
	o          Options
	pool       *buffer.Pool
	out        *outbox.Outbox
	calls      endpoint.Requester
	responders endpoint.Responders

	creditTimer *time.Timer // reports credit; started when creditArmed is set
	creditArmed atomic.Bool

	terms atomic.Pointer[terms] // of the last connection

	mu       sync.Mutex
	subs     map[uint64]*subscription // guarded by mu
	closed   bool                     // guarded by mu
	draining bool                     // guarded by mu; closed by Drain, and not by Close yet
	fd       int                      // guarded by mu; -1 without a connection

	// owned by the reading goroutine
	endErr  error  // why the last connection ended; others read it when readerDone is closed
	suspect uint64 // the message that was being written when the broker last ended a connection for a fault

	readerThread atomic.Int64  // the thread of the reading goroutine; 0 when that has ended
	readerDone   chan struct{} // closed when the reading goroutine has ended
	workers      sync.WaitGroup
	ctx          context.Context // ends with Close
	cancel       context.CancelFunc
	drainTurn    chan struct{} // holds a token while a goroutine drains
	closeOnce    sync.Once
}

var _ bus.Bus = (*Client)(nil)

// Dial connects to a broker. It tries once; errors are *unixsock.OpError, over a
// *frame.Fault when the broker refused. It starts goroutines that Close waits for.
func Dial(ctx context.Context, o Options) (*Client, error) {
	conn, err := dial(ctx, &o)
	if err != nil {
		return nil, err
	}
	c := &Client{o: o, pool: buffer.NewPool(), subs: make(map[uint64]*subscription), fd: conn.fd, readerDone: make(chan struct{}), drainTurn: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.calls = endpoint.Requester{Send: c.send, MaxFrame: conn.welcome.MaxMessageSize, MaxOpen: conn.welcome.MaxRequests}
	c.responders = endpoint.Responders{Send: func(f *frame.Fields) error { return c.send(c.ctx, f) }, Failed: c.report}
	c.terms.Store(newTerms(conn.welcome))
	if c.out, err = outbox.New(o.LatencyBudget, o.Backlog); err != nil {
		c.cancel()
		unix.Close(conn.fd)
		return nil, unixsock.NewOpError("dial", o.Path, err)
	}
	c.creditTimer = time.AfterFunc(time.Hour, c.creditTimeUp)
	c.creditTimer.Stop()
	c.out.Connect(conn.fd, conn.welcome.MaxMessageSize, conn.offset)
	c.startWorker(c.out.Run)
	go c.run(conn) // Close waits for readerDone
	return c, nil
}

// startWorker runs f on a goroutine that Close waits for; false when the client is
// closed.
func (c *Client) startWorker(f func()) bool {
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

// inHandler reports whether the caller is a handler: it runs on the reading goroutine,
// which has a thread to itself and alone can bring what the caller waits for.
func (c *Client) inHandler() bool { return c.readerThread.Load() == int64(unix.Gettid()) }

// Source returns the id that the broker stamps on what this client sends.
func (c *Client) Source() uint32 { return c.terms.Load().Source }

// Welcome returns what the broker reports of itself and its limits.
func (c *Client) Welcome() frame.Welcome { return c.terms.Load().Welcome }

// Writes returns how often the client has written something.
func (c *Client) Writes() uint64 { return c.out.Writes() }

// BrokerNow returns the broker's clock. A client that lives in another time namespace than its
// broker has another monotonic clock. All times on the wire are the broker's, so they are
// shifted where frames are appended and where they are read, and everything else uses the
// client's clock. Without an offset, as nearly always, that costs a comparison.
func (c *Client) BrokerNow() int64 { return c.out.BrokerNow() }

// Live returns how many bytes of buffers the client holds.
func (c *Client) Live() int64 { return c.pool.Live() }

// send encodes and sends a frame. All but messages that are not urgent, and pings, go
// ahead of those.
func (c *Client) send(ctx context.Context, f *frame.Fields) error {
	n := frame.HeaderSize + len(f.Topic) + len(f.Extension) + len(f.Payload)
	if err := c.terms.Load().admit(n); err != nil {
		return err
	}
	lane := bus.Urgent
	switch f.Type {
	case frame.TypePublish:
		lane = c.terms.Load().lane(f.Topic)
	case frame.TypePing, frame.TypeSettle:
		lane = bus.Bulk // its answer means that all before it has arrived
	}
	return c.out.Write(ctx, lane, n, f)
}

// Request implements bus.Bus.
func (c *Client) Request(ctx context.Context, target string, body []byte) (bus.Reply, error) {
	if c.inHandler() {
		return bus.Reply{}, fmt.Errorf("request %q: %w", target, ErrInHandler)
	}
	return c.calls.Request(ctx, target, body)
}

// Respond implements bus.Bus.
func (c *Client) Respond(ctx context.Context, target string, h bus.Responder) (bus.Closer, error) {
	s, err := c.subscribe(ctx, bus.Subscription{Patterns: []string{target}, Respond: true})
	if err != nil {
		return nil, fmt.Errorf("respond %q: %w", target, err)
	}
	if !c.startWorker(func() { c.responders.Serve(s.ctx, s.consumer, h) }) {
		return nil, errors.Join(fmt.Errorf("respond %q: %w", target, bus.ErrClosed), s.Close())
	}
	return s, nil
}

// Flush implements bus.Bus: it reports what the program has taken, and sends a ping,
// whose pong comes when all before it has been routed.
func (c *Client) Flush(ctx context.Context) error {
	if c.inHandler() {
		return ErrInHandler
	}
	c.reportAllCredit()
	f := frame.Fields{Type: frame.TypePing, Priority: frame.NormalPriority, ID: c.calls.NextID(), Time: frame.Now()}
	return c.await(ctx, &f)
}

// await sends a frame at once and waits for its ack or pong.
func (c *Client) await(ctx context.Context, f *frame.Fields) error {
	if c.inHandler() {
		return ErrInHandler
	}
	_, err := c.calls.Await(ctx, f)
	return err
}
