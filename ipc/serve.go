package ipc

import (
	"context"
	"errors"
	"fmt"
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
	// MaxConnections bounds the ordinary clients; default 64, at most 1,048,576. A
	// policy.Reserver reserves places for some peers beside them.
	MaxConnections int
	// ConnectionTimeout bounds a handshake, how long a client may take from the
	// beginning of a frame to its end, and how long it may leave its socket full;
	// default 30 s, at most 24 h.
	ConnectionTimeout time.Duration
	// Heartbeat is how long a client may be silent before the server sends it a ping;
	// after three times as long the client is taken for dead. Default 10 s, at most
	// 24 h, and at least broker.Tick, which is how often the server checks.
	Heartbeat time.Duration
	// Policy decides who may do what; default policy.SameUser.
	Policy policy.Policy
	// PublishRate bounds the frames a second of one connection: messages, requests,
	// replies and control frames. A faster client is not read, and so made to wait.
	// Default 0: no bound; at most 1,000,000,000.
	PublishRate int
	// DrainTimeout bounds how long Serve, when its context has ended, goes on
	// writing what is queued; default 2 s, at most 24 h.
	DrainTimeout time.Duration
	// Live, where not nil, changes some of these limits while the server runs.
	Live *LiveLimits
	// Ready is called once, when the socket is there and the server is about to accept
	// its clients. It is called on the goroutine of Serve, so it must not wait for one.
	Ready func(path string)
	// OnSocket, where set, is called when the socket is not at its path any more, and
	// cannot be bound anew (the error is ErrSocketLost), and when it was bound anew
	// (ErrSocketRebound). It is called on the goroutine of Serve and must not block.
	OnSocket func(err error)
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
	if o.Policy == nil {
		o.Policy = policy.SameUser{}
	}
}

// The most that an option may be. More is a mistake, and small multiples of these do
// not overflow.
const (
	maxConnections = 1 << 20
	maxTimeout     = 24 * time.Hour
)

// check finds what no default can mend.
func (o *Options) check() error {
	for _, v := range []struct {
		name          string
		got, min, max int
	}{
		{"MaxConnections", o.MaxConnections, 1, maxConnections},
		{"PublishRate", o.PublishRate, 0, policy.MaxRate},
	} {
		if v.got < v.min || v.got > v.max {
			return fmt.Errorf("ipc: options: %s is %d, want %d to %d", v.name, v.got, v.min, v.max)
		}
	}
	for _, v := range []struct {
		name string
		got  time.Duration
	}{{"ConnectionTimeout", o.ConnectionTimeout}, {"Heartbeat", o.Heartbeat}, {"DrainTimeout", o.DrainTimeout}} {
		if v.got < 0 || v.got > maxTimeout {
			return fmt.Errorf("ipc: options: %s is %s, want 0 to %s", v.name, v.got, maxTimeout)
		}
	}
	return nil
}

// Serve listens, and runs the broker's routing thread on the calling goroutine, which
// it locks to its thread, until ctx ends. Then it takes no more connections, writes
// what is queued and a goodbye to the clients for at most DrainTimeout, and returns
// ErrServerClosed. Any other error ended it early. When it returns, all connections
// are closed and the socket is gone.
//
// Serve takes the place of router.Broker.Run. Where either was called before, it
// returns router.ErrRunning at once, and binds nothing. A Listener is closed in any
// case.
func Serve(ctx context.Context, b *router.Broker, o Options) error {
	r, l, err := prepare(b, &o)
	if err != nil {
		if o.Listener != nil {
			err = errors.Join(err, o.Listener.Close())
		}
		return err
	}
	defer r.Release() // where it is not run
	so := server.Options{Limits: *o.limits(), Policy: o.Policy, OnSocket: o.OnSocket}
	if o.Live != nil {
		so.Next = &o.Live.next
	}
	s, err := server.New(b.Engine(), l.l, so)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if o.Ready != nil {
		o.Ready(l.Path())
	}
	err = s.Run(ctx, r)
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = ErrServerClosed
	}
	return err
}

// prepare checks the options, and takes the right to run b and the socket.
func prepare(b *router.Broker, o *Options) (*broker.Runner, *Listener, error) {
	o.setDefaults()
	if err := o.check(); err != nil {
		return nil, nil, err
	}
	r, err := b.Engine().Claim()
	if err != nil {
		return nil, nil, fmt.Errorf("ipc: serve: %w", err)
	}
	l, err := o.listener(b)
	if err != nil {
		r.Release()
		return nil, nil, err
	}
	return r, l, nil
}

// listener returns the Listener, or binds Path.
func (o *Options) listener(b *router.Broker) (*Listener, error) {
	if o.Listener != nil {
		return o.Listener, nil
	}
	if o.Path == "" {
		path, err := DefaultPath(b.Options().Name)
		if err != nil {
			return nil, err
		}
		o.Path = path
	}
	return Listen(o.Path)
}
