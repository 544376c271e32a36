package ipc

import (
	"context"
	"fmt"
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

// Client is a connection to a broker, which comes back when it is lost. Safe for
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
// *PeerError when the broker refused.
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

// Welcome returns what the broker said of itself and its limits.
func (c *Client) Welcome() frame.Welcome { return c.c.Welcome() }

// Push writes out what waits for company, without waiting for the broker as
// Flush does. A client with a latency budget goes on waiting for that.
func (c *Client) Push() error { return c.c.Push() }
