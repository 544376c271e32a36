package ipc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// ClientOptions configure a client. The zero value means the documented
// defaults.
type ClientOptions struct {
	// Path is the broker's socket; default DefaultPath("default").
	Path string
	// FD is a connected socket to use instead of Path, for a client whose
	// parent connected it; 0 means none. Such a client cannot reconnect.
	FD int
	// Name and Role are what the client says of itself; default name "client".
	Name, Role string
	// LatencyBudget lets the client merge writes: while it publishes densely, a
	// message may wait this long for others. 0, the default, sends at once as
	// long as the rate allows (see Publisher).
	LatencyBudget time.Duration
	// Queue is how many messages a subscription without a Handler keeps in this
	// process; default 1024. Beyond it the oldest are lost, with a gap.
	Queue int
	// Compress has payloads above frame.CompressAbove bytes compressed: frame.FlagS2
	// or frame.FlagZstd; default none.
	Compress frame.Flags
	// NoReconnect makes the end of the connection the end of the client.
	NoReconnect bool
	// Backlog bounds the bytes kept of what is published while there is no
	// connection; default 1 MiB. Beyond it Publish returns ErrDisconnected.
	Backlog int
	// OnState, where set, is told when the connection is lost (err says why) and
	// when there is a new one (err is nil). It must not block.
	OnState func(err error)
	// OnError, where set, is told of errors that no call waits for: a publish
	// that the broker refused, a reply that could not be sent.
	OnError func(err error)
}

func (o *ClientOptions) setDefaults() error {
	if o.Path == "" && o.FD == 0 {
		path, err := DefaultPath("default")
		if err != nil {
			return err
		}
		o.Path = path
	}
	if o.Name == "" {
		o.Name = "client"
	}
	if o.Queue == 0 {
		o.Queue = 1024
	}
	if o.Backlog == 0 {
		o.Backlog = 1 << 20
	}
	if o.FD != 0 {
		o.NoReconnect = true
	}
	return nil
}

// Client is a connection to a broker, which comes back when it is lost. It
// implements router.Bus. Safe for concurrent use.
type Client struct {
	o     ClientOptions
	pool  *frame.Pool
	out   outbox
	calls router.Calls
	resp  router.Responders

	welcome atomic.Pointer[frame.Welcome]
	number  atomic.Uint64 // of publish frames

	mu     sync.Mutex
	subs   map[uint64]*clientSub // guarded by mu
	closed bool                  // guarded by mu
	fd     int                   // guarded by mu; -1 without a connection
	ended  error                 // guarded by mu; why the client is no more

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	workers sync.WaitGroup // goroutines, and handlers' goroutines
	over    chan struct{}  // closed when the reading goroutine has ended
}

var _ router.Bus = (*Client)(nil)

// Dial connects to the broker at path, which may be empty for DefaultPath of
// the instance "default". It starts goroutines that Close waits for.
func Dial(ctx context.Context, path string) (*Client, error) {
	return DialOptions(ctx, ClientOptions{Path: path})
}

// DialOptions is Dial with options. It tries once; errors are *OpError, over a
// *PeerError when the broker refused.
func DialOptions(ctx context.Context, o ClientOptions) (*Client, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	s, err := dial(ctx, &o)
	if err != nil {
		return nil, err
	}
	c := &Client{o: o, pool: frame.NewPool(), subs: make(map[uint64]*clientSub), fd: s.fd, over: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.calls = router.Calls{Send: c.send, MaxPayload: s.welcome.MaxMessageSize}
	c.resp = router.Responders{Send: c.send, Failed: c.report}
	c.welcome.Store(&s.welcome)
	c.out.init(o.LatencyBudget, o.Backlog)
	c.out.connect(s.fd)
	c.work(c.out.run)
	go c.run(s) // Close waits for over
	return c, nil
}

// work runs f on a goroutine that Close waits for.
func (c *Client) work(f func()) {
	c.workers.Add(1)
	go func() { // Close waits for it
		defer c.workers.Done()
		f()
	}()
}

func (c *Client) report(err error) {
	if c.o.OnError != nil {
		c.o.OnError(err)
	}
}

// Source returns the id that the broker stamps on what this client sends.
func (c *Client) Source() uint32 { return c.welcome.Load().Source }

// Welcome returns what the broker said of itself and its limits.
func (c *Client) Welcome() frame.Welcome { return *c.welcome.Load() }

// send encodes and sends a frame. Requests, replies and what is small and
// awaited go ahead of bulk messages.
func (c *Client) send(f *frame.Fields) error {
	n := frame.HeaderSize + len(f.Topic) + len(f.Extension) + len(f.Payload)
	if limit := c.welcome.Load().MaxMessageSize; n > limit {
		return &router.LimitError{Limit: "max_message_size", Max: int64(limit), Got: int64(n)}
	}
	lane := router.Urgent
	if f.Type == frame.TypePublish || f.Type == frame.TypePing {
		lane = router.Bulk // a ping says that all before it has arrived
	}
	return c.out.write(lane, n, func(dst []byte) ([]byte, error) { return frame.Append(dst, f) })
}

// Request implements router.Bus.
func (c *Client) Request(ctx context.Context, target string, body []byte) (router.Reply, error) {
	return c.calls.Request(ctx, target, body)
}

// Flush implements router.Bus: a ping, whose answer comes when all before it
// has been routed.
func (c *Client) Flush(ctx context.Context) error {
	f := frame.Fields{Type: frame.TypePing, Priority: frame.NormalPriority, ID: c.calls.NextID(), Time: router.Now()}
	if err := c.out.flushNow(); err != nil {
		return err
	}
	return c.await(ctx, &f)
}

// await sends a frame at once and waits for its ack or pong.
func (c *Client) await(ctx context.Context, f *frame.Fields) error {
	if err := c.calls.Await(ctx, f); err != nil {
		var e *frame.ErrorBody
		if errors.As(err, &e) {
			return &PeerError{e.Code, e.Text}
		}
		return err
	}
	return nil
}

// Drain implements router.Bus.
func (c *Client) Drain(ctx context.Context) error {
	err := c.Flush(ctx)
	if err == nil {
		err = c.drainSubs(ctx)
	}
	if cerr := c.Close(); err == nil {
		err = cerr
	}
	return err
}

// drainSubs has the broker write what it holds for this client, and waits until
// subscribers have consumed it.
func (c *Client) drainSubs(ctx context.Context) error {
	err := c.send(&frame.Fields{Type: frame.TypeDrain, Priority: frame.NormalPriority, Time: router.Now()})
	if err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	c.mu.Lock()
	c.closed = true // the goodbye that comes is expected
	subs := make([]*clientSub, 0, len(c.subs))
	for _, s := range c.subs {
		subs = append(subs, s)
	}
	c.mu.Unlock()
	select {
	case <-c.over: // all is read
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, s := range subs {
		if err := s.drained(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close implements router.Bus. It must not be called from a handler.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	fd := c.fd
	c.fd = -1
	c.mu.Unlock()
	c.out.close()
	c.cancel()
	if fd >= 0 {
		hangUp(fd)
	}
	<-c.over
	c.calls.Close(router.ErrClosed)
	c.mu.Lock()
	subs := c.subs
	c.subs = make(map[uint64]*clientSub)
	c.mu.Unlock()
	for _, s := range subs {
		s.abandon()
	}
	c.workers.Wait()
	return nil
}
