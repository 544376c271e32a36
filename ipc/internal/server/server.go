package server

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router/broker"
)

// Options configure a server: those of ipc.Options that concern connections, with
// their defaults set.
type Options struct {
	Limits
	Next     *atomic.Pointer[Limits] // to be in force from the next turn on; may be nil
	Policy   policy.Policy
	OnSocket func(error) // may be nil
}

// Limits are those of ipc.Limits, with their defaults set.
type Limits struct {
	MaxConnections    int
	ConnectionTimeout time.Duration
	Heartbeat         time.Duration // of a connection: conn.heartbeat
	PublishRate       int
	DrainTimeout      time.Duration
}

// takeLimits puts in force what another goroutine has set.
func (s *Server) takeLimits() {
	if next := s.o.Next; next != nil && next.Load() != nil {
		s.o.Limits = *next.Swap(nil)
	}
}

// Server is the broker's Driver for sockets: it owns the connections. Everything
// but Wake belongs to the routing thread.
type Server struct {
	b    *broker.Broker
	o    Options
	l    *unixsock.Listener
	poll poller

	// Connections. State and hold of a conn are the truth; the lists only show which
	// connections the loop has to look at, and may hold some that it need not.
	conns    []*conn // by descriptor
	count    int
	places   places
	closing  []*conn // their state is closing
	rateHeld []*conn // their hold has holdRate
	workHeld []*conn // their hold has holdWork

	// Accepting.
	spareFD      int    // a descriptor to give up when the process has no other left; -1: none
	acceptPaused bool   // epoll does not watch the listener: pauseAccept
	acceptHeld   int64  // it is paused until then at most: holdAccept; 0: it is not
	heldWith     int    // how many handshakes there were when it was held
	socketReport string // what OnSocket was last called with; empty: all is well

	// Reading.
	in         *buffer.Buffer // all connections are read into this buffer
	inUsed     int            // bytes of in that were read
	turnBytes  int            // bytes read in the last turn that had any
	unfinished int            // bytes of buffers for large frames whose end has not come yet
	maxFrame   int            // bytes
	halfMemory int64          // half of the broker's MaxMemory

	// Writing.
	out      gather
	partials partialMemory

	swept int64  // when sweep last ran
	epoch string // see frame.Welcome
}

// New returns a server for the connections that come to l.
func New(b *broker.Broker, l *unixsock.Listener, o Options) (*Server, error) {
	bo := b.Options()
	s := &Server{b: b, o: o, l: l, maxFrame: bo.MaxMessageSize, halfMemory: bo.MaxMemory / 2, spareFD: -1, epoch: rand.Text()}
	if err := s.poll.open(); err != nil {
		return nil, unixsock.NewOpError("listen", l.Path(), err)
	}
	if err := s.poll.add(l.FD(), readable); err != nil {
		return nil, errors.Join(unixsock.NewOpError("listen", l.Path(), err), s.poll.close())
	}
	s.spareFD = openSpare()
	s.places.reserved = make(map[string]*conn)
	s.out.init()
	return s, nil
}

// Run runs the broker, to which r is the right, on the calling goroutine, which it
// locks to its thread, until ctx ends.
func (s *Server) Run(ctx context.Context, r *broker.Runner) error {
	unlock := unixsock.LockThread()
	defer unlock()
	return r.Run(ctx, s)
}

// Close frees what New opened, in reverse, and closes the listener. The broker has
// closed the sessions already.
func (s *Server) Close() error {
	for _, c := range s.conns {
		if c != nil {
			c.end(nil)
		}
	}
	if s.in != nil {
		s.in.Release(1)
		s.in = nil
	}
	closeSpare(s.spareFD)
	return errors.Join(s.poll.close(), s.l.Close())
}

var _ broker.Driver = (*Server)(nil)
