package ipc

import (
	"context"
	"errors"
	"time"

	"github.com/daemoneye/eventbus/ipc/internal/server"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
)

// Options configure a server. The zero value means the documented defaults.
type Options struct {
	// Path is where Serve listens; default DefaultPath of the broker's name.
	Path string
	// Listener is used instead of Path where not nil; the server closes it.
	Listener *Listener
	// MaxConnections bounds the clients; default 64.
	MaxConnections int
	// ConnectionTimeout bounds a handshake, how long a client may take from the
	// beginning of a frame to its end, and how long it may leave its socket full;
	// default 30 s.
	ConnectionTimeout time.Duration
	// Heartbeat is how long a client may be silent before the server sends it a ping;
	// after three times as long the client is taken for dead. Default 10 s, and at
	// least broker.Tick, which is how often the server checks.
	Heartbeat time.Duration
	// Policy decides who may do what; default policy.SameUser.
	Policy policy.Policy
	// PublishRate bounds the frames a second of one connection: messages, requests,
	// replies and control frames. A faster client is not read, and so made to wait.
	// Default 0: no bound.
	PublishRate int
	// DrainTimeout bounds how long Serve, when its context has ended, goes on
	// writing what is queued; default 2 s.
	DrainTimeout time.Duration
	// Ready is called once, when connections are accepted.
	Ready func(path string)
}

func (o *Options) setDefaults() {
	if o.MaxConnections == 0 {
		o.MaxConnections = 64
	}
	for _, d := range []struct {
		p *time.Duration
		v time.Duration
	}{{&o.ConnectionTimeout, 30 * time.Second}, {&o.Heartbeat, 10 * time.Second}, {&o.DrainTimeout, 2 * time.Second}} {
		if *d.p == 0 {
			*d.p = d.v
		}
	}
	o.Heartbeat = max(o.Heartbeat, broker.Tick)
	if o.Policy == nil {
		o.Policy = policy.SameUser{}
	}
}

// Serve listens, and runs the broker's routing thread on the calling goroutine, which
// it locks to its thread, until ctx ends. Then it takes no more connections, writes
// what is queued and a goodbye to the clients for at most DrainTimeout, and returns
// ErrServerClosed. Any other error ended it early. When it returns, all connections
// are closed and the socket is gone.
func Serve(ctx context.Context, b *router.Broker, o Options) error {
	o.setDefaults()
	l := o.Listener
	if l == nil {
		path := o.Path
		if path == "" {
			var err error
			if path, err = DefaultPath(b.Options().Name); err != nil {
				return err
			}
		}
		var err error
		if l, err = Listen(path); err != nil {
			return err
		}
	}
	s, err := server.New(b.Engine(), l.l, server.Options{
		MaxConnections: o.MaxConnections, ConnectionTimeout: o.ConnectionTimeout, Heartbeat: o.Heartbeat,
		Policy: o.Policy, PublishRate: o.PublishRate, DrainTimeout: o.DrainTimeout,
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if o.Ready != nil {
		o.Ready(l.Path())
	}
	err = s.Run(ctx)
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = ErrServerClosed
	}
	return err
}
