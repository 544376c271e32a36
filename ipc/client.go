package ipc

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/client"
	"github.com/daemoneye/eventbus/router"
)

// ClientOptions configure a client. The zero value means the documented
// defaults.
type ClientOptions struct {
	// Path is the broker's socket; default DefaultPath("default").
	Path string
	// FD is a connected socket to use instead of Path, for a client whose
	// parent connected it; 0 means none. Such a client cannot reconnect. The
	// kernel tells the broker who connected, so the pid, uid and gid that a
	// policy.Policy sees are the parent's.
	FD int
	// Name and Role are what the client claims in its hello; default name "client".
	Name, Role string
	// LatencyBudget lets the client merge writes: while it publishes densely, a
	// message may wait this long for others; at most a second. With 0, the default,
	// messages that come now and then are written at once, and a dense stream in
	// batches of what comes within 50 to 500 µs.
	LatencyBudget time.Duration
	// Queue is how many messages a subscription without a Handler keeps in this
	// process; default 1024, at most 16,777,216. Beyond it the oldest are lost, with
	// a gap. It does not bound their bytes: where messages are large, choose a
	// smaller one.
	Queue int
	// Compress has payloads above frame.CompressAbove bytes compressed: frame.FlagS2;
	// default none.
	Compress frame.Flags
	// NoReconnect makes the end of the connection the end of the client.
	NoReconnect bool
	// Backlog bounds the bytes kept of what is published while there is no
	// connection; default 1 MiB, at most 1 GiB. Beyond it Publish returns
	// ErrDisconnected.
	Backlog int
	// OnState, where set, is called when the connection is lost (err is the reason) and
	// when there is a new one (err is nil). Like a subscription's Handler it is called
	// on the goroutine that reads, and so is OnError, mostly: they must not block.
	OnState func(err error)
	// OnError, where set, is called with errors that no call waits for: a publish
	// that the broker refused, a reply that could not be sent, a message that was
	// kept and cannot be sent any more.
	OnError func(err error)
}

// The most that an option may be.
const (
	maxBudget  = time.Second // longer than a message should wait, and shorter than a heartbeat
	maxQueue   = 1 << 24     // messages
	maxBacklog = 1 << 30     // bytes
)

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
	for _, v := range []struct {
		name          string
		got, min, max int
	}{
		{"FD", o.FD, 0, math.MaxInt32},
		{"Queue", o.Queue, 1, maxQueue},
		{"Backlog", o.Backlog, 0, maxBacklog},
	} {
		if v.got < v.min || v.got > v.max {
			return fmt.Errorf("ipc: options: %s is %d, want %d to %d", v.name, v.got, v.min, v.max)
		}
	}
	if o.LatencyBudget < 0 || o.LatencyBudget > maxBudget {
		return fmt.Errorf("ipc: options: LatencyBudget is %s, want 0 to %s", o.LatencyBudget, maxBudget)
	}
	if o.Compress != 0 && o.Compress != frame.FlagS2 {
		return fmt.Errorf("ipc: options: Compress is %d, want frame.FlagS2 or 0", o.Compress)
	}
	return nil
}

// Client is a connection to a broker, which is made again when it is lost. Safe for
// concurrent use.
type Client struct {
	router.Bus
	c *client.Client
}

// Dial connects to the broker at path, which may be empty for DefaultPath of
// the instance "default". It starts goroutines that Close waits for.
func Dial(ctx context.Context, path string) (*Client, error) {
	return DialOptions(ctx, ClientOptions{Path: path})
}

// DialOptions is Dial with options. It tries once; errors are *OpError, over a
// *frame.Fault when the broker refused.
func DialOptions(ctx context.Context, o ClientOptions) (*Client, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	c, err := client.Dial(ctx, client.Options(o))
	if err != nil {
		return nil, err
	}
	return &Client{c, c}, nil
}

// Source returns the id that the broker stamps on what this client sends.
func (c *Client) Source() uint32 { return c.c.Source() }

// Welcome returns what the broker reports of itself and its limits.
func (c *Client) Welcome() frame.Welcome { return c.c.Welcome() }

// BrokerNow returns the broker's clock in nanoseconds: router.Now, but for a client that
// lives in another time namespace than the broker. Times inside payloads that others
// compare need it; those of frames are converted by the client.
func (c *Client) BrokerNow() int64 { return c.c.BrokerNow() }
