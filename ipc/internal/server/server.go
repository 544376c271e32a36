package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router/broker"
)

// Options configure a server: those of ipc.Options that concern connections, with
// their defaults set.
type Options struct {
	MaxConnections    int
	ConnectionTimeout time.Duration
	Heartbeat         time.Duration
	Policy            policy.Policy
	PublishRate       int
	DrainTimeout      time.Duration
}

// Server is the routing thread's view of the sockets: it is the broker's
// Driver. Everything but Wake belongs to the routing thread.
type Server struct {
	b    *broker.Broker
	o    Options
	l    *unixsock.Listener
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

// New returns a server for the connections that come to l.
func New(b *broker.Broker, l *unixsock.Listener, o Options) (*Server, error) {
	bo := b.Options()
	s := &Server{b: b, o: o, l: l, max: bo.MaxMessageSize, halfMemory: bo.MaxMemory / 2, spare: -1, epoch: rand.Text()}
	if err := s.poll.open(); err != nil {
		return nil, unixsock.NewOpError("listen", l.Path(), err)
	}
	if err := s.poll.add(l.FD(), readable); err != nil {
		return nil, errors.Join(unixsock.NewOpError("listen", l.Path(), err), s.poll.close())
	}
	s.spare = openSpare()
	s.out.init()
	return s, nil
}

// Run runs the broker on the calling goroutine, which it locks to its thread, until
// ctx ends.
func (s *Server) Run(ctx context.Context) error {
	unlock := unixsock.LockThread()
	defer unlock()
	return s.b.RunWith(ctx, s)
}

// Close frees what New opened, in reverse, and closes the listener. The ports are
// closed already.
func (s *Server) Close() error {
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
	b := frame.AppendControl(nil, frame.TypeError, 0, frame.Now(), frame.ErrorSize(body))
	b = frame.AppendError(b, body)
	return frame.AppendGoodbyeFrame(b, frame.Now(), frame.Goodbye{Code: code, Text: text})
}
