package ipc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// ClientOptions configure a client. The zero value means the documented
// defaults.
type ClientOptions struct {
	// Path is the broker's socket; default DefaultPath("default").
	Path string
	// FD is a connected socket to use instead of Path, for a client whose
	// parent connected it; 0 means none. Such a client cannot reconnect. The
	// kernel tells the broker who connected: pid, uid and gid that a Policy sees
	// are the parent's.
	FD int
	// Name and Role are what the client says of itself; default name "client".
	Name, Role string
	// LatencyBudget lets the client merge writes: while it publishes densely, a
	// message may wait this long for others; at most a second. 0, the default,
	// sends at once as long as the rate allows (see Publisher).
	LatencyBudget time.Duration
	// Queue is how many messages a subscription without a Handler keeps in this
	// process; default 1024. Beyond it the oldest are lost, with a gap. It is no
	// bound in bytes: of messages that are large, fewer should be kept.
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
	// when there is a new one (err is nil). Like a subscription's Handler it is
	// called on the goroutine that reads, and so is OnError, mostly: they must not
	// block.
	OnState func(err error)
	// OnError, where set, is told of errors that no call waits for: a publish
	// that the broker refused, a reply that could not be sent, a message that was
	// kept and cannot be sent any more.
	OnError func(err error)
}

// maxBudget is more than anybody wants to wait, and shorter than a heartbeat.
const maxBudget = time.Second

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
	if o.NoReconnect {
		o.Backlog = 0
	}
	if o.LatencyBudget < 0 || o.LatencyBudget > maxBudget {
		return fmt.Errorf("ipc: options: LatencyBudget is %s, want 0 to %s", o.LatencyBudget, maxBudget)
	}
	if o.Compress != 0 && o.Compress != frame.FlagS2 && o.Compress != frame.FlagZstd {
		return fmt.Errorf("ipc: options: Compress is %d, want frame.FlagS2, frame.FlagZstd or 0", o.Compress)
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
	c.calls = router.Calls{Send: func(_ context.Context, f *frame.Fields) error { return c.send(f) }, MaxPayload: s.welcome.MaxMessageSize}
	c.resp = router.Responders{Send: c.send, Failed: c.report}
	c.terms.Store(newTerms(s.welcome))
	if err := c.out.init(o.LatencyBudget, o.Backlog); err != nil {
		unix.Close(s.fd)
		return nil, opError("dial", o.Path, err)
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
	urgent   router.Patterns
	inflates frame.Flags // compressions that the broker takes
}

func newTerms(w frame.Welcome) *terms {
	t := &terms{Welcome: w}
	for _, text := range w.Urgent {
		if p, err := router.ParsePattern(text, true); err == nil { // another would be of a later version
			t.urgent = append(t.urgent, p)
		}
	}
	for _, f := range compressions {
		if slices.Contains(w.Features, f.name) {
			t.inflates |= f.flag
		}
	}
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
		return &router.LimitError{Limit: "max_message_size", Max: int64(t.MaxMessageSize), Got: int64(n)}
	}
	return nil
}

// lane returns the one that topic takes to the broker: what is urgent there goes
// first here.
func (t *terms) lane(topic string) router.Lane {
	if t.urgent.Match(topic) {
		return router.Urgent
	}
	return router.Bulk
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
	lane := router.Urgent
	switch f.Type {
	case frame.TypePublish:
		lane = c.terms.Load().lane(f.Topic)
	case frame.TypePing:
		lane = router.Bulk // it says that all before it has arrived
	}
	return c.out.write(lane, n, f)
}

// Request implements router.Bus.
func (c *Client) Request(ctx context.Context, target string, body []byte) (router.Reply, error) {
	if c.reading() {
		return router.Reply{}, fmt.Errorf("request %q: %w", target, ErrInHandler)
	}
	defer c.open.begin()()
	return c.calls.Request(ctx, target, body)
}

// Flush implements router.Bus: a ping, whose answer comes when all before it
// has been routed.
func (c *Client) Flush(ctx context.Context) error {
	if c.reading() {
		return ErrInHandler
	}
	f := frame.Fields{Type: frame.TypePing, Priority: frame.NormalPriority, ID: c.calls.NextID(), Time: router.Now()}
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
