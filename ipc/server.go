package ipc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
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
	// Heartbeat is how long a client may be silent before it is asked for a
	// sign of life; after three times as long it is taken for dead. Default 10 s,
	// and at least router.Tick, which is how often the server looks.
	Heartbeat time.Duration
	// Policy decides who may do what; default SameUser.
	Policy Policy
	// PublishRate bounds the messages a second of one connection, and what it
	// asks for; a faster client is not read from, and so made to wait. Default 0:
	// no bound.
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
	o.Heartbeat = max(o.Heartbeat, router.Tick)
	if o.Policy == nil {
		o.Policy = SameUser{}
	}
}

// Serve listens, and runs the broker's routing thread on the calling goroutine,
// which it locks to its thread, until ctx ends: then it takes no more
// connections, tells the clients, writes what is queued for at most
// DrainTimeout, and returns ErrServerClosed. Any other error ended it early.
// When it returns, all connections are closed and the socket is gone.
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
	s, err := newServer(b, l, o)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if o.Ready != nil {
		o.Ready(l.path)
	}
	err = s.run(ctx)
	if cerr := s.close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = ErrServerClosed
	}
	return err
}

// server is the routing thread's view of the sockets: it is the broker's
// Driver. Everything but Wake belongs to the routing thread.
type server struct {
	b    *router.Broker
	o    Options
	l    *Listener
	poll poller

	conns   []*conn // by descriptor
	count   int
	doomed  []*conn // to be ended between two turns
	paused  []*conn // read from again later, for they were too fast
	waiting []*conn // with more read than was routed
	checked int64   // when handshakes were last looked at

	in     *frame.Buffer // what is read comes here, from all connections
	inUsed int
	taken  int // bytes read in the last turn that had any
	halves int // bytes of buffers for large frames whose rest has not come yet
	out    gather
	spare  int    // a descriptor to give up when there are none left
	deaf   bool   // the listener is not looked at, for accepting fails
	max    int    // of a frame
	epoch  string // see frame.Welcome

	halfMemory int64 // of the broker's MaxMemory
}

func newServer(b *router.Broker, l *Listener, o Options) (*server, error) {
	bo := b.Options()
	s := &server{b: b, o: o, l: l, max: bo.MaxMessageSize, halfMemory: bo.MaxMemory / 2, spare: -1, epoch: rand.Text()}
	if err := s.poll.open(); err != nil {
		return nil, opError("listen", l.path, err)
	}
	if err := s.poll.add(l.fd, readable); err != nil {
		return nil, errors.Join(opError("listen", l.path, err), s.poll.close())
	}
	s.spare = openSpare()
	s.out.init()
	return s, nil
}

func (s *server) run(ctx context.Context) error {
	unlock := lockThread()
	defer unlock()
	return s.b.RunWith(ctx, s)
}

// close frees what newServer opened, in reverse. The ports are closed already.
func (s *server) close() error {
	for _, c := range s.conns {
		if c != nil {
			s.end(c, nil)
		}
	}
	if s.in != nil {
		s.in.Release(1)
		s.in = nil
	}
	closeSpare(s.spare)
	return errors.Join(s.poll.close(), s.l.Close())
}

// refusal is what a client is told that is not let in.
func refusal(code frame.Code, format string, args ...any) []byte {
	text := fmt.Sprintf(format, args...)
	body := frame.ErrorBody{Code: code, Fatal: true, Text: text}
	b := frame.AppendControl(nil, frame.TypeError, 0, router.Now(), frame.ErrorSize(body))
	b = frame.AppendError(b, body)
	return appendGoodbye(b, code, text)
}

func appendGoodbye(dst []byte, code frame.Code, text string) []byte {
	body := frame.AppendGoodbye(nil, frame.Goodbye{Code: code, Text: text})
	return append(frame.AppendControl(dst, frame.TypeGoodbye, 0, router.Now(), len(body)), body...)
}
