package ipc_test

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// fake is a broker made of bytes: it can do things that the real one never does.
type fake struct {
	t    testing.TB
	path string
	l    *net.UnixListener
}

func newFake(t testing.TB) *fake {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fake.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &fake{t, path, l}
}

// accept takes the next connection. It may be called on any goroutine; nil when
// there is none.
func (b *fake) accept() *peer {
	c, err := b.l.AcceptUnix()
	if err != nil {
		b.t.Error(err)
		return nil
	}
	b.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		b.t.Error(err)
	}
	return &peer{b.t, c, frame.NewReader(c, 0)}
}

// welcome accepts a connection, reads its hello and answers; the peer comes when
// that is done.
func (b *fake) welcome(w frame.Welcome) <-chan *peer {
	done := make(chan *peer, 1)
	go func() { // ends with the listener's deadline
		defer close(done)
		p := b.accept()
		if p == nil {
			return
		}
		if f, err := p.r.Next(); err != nil || f.Type() != frame.TypeHello {
			b.t.Errorf("%v %v, want hello", f, err)
			return
		}
		p.send(welcome(w))
		done <- p
	}()
	return done
}

func welcome(w frame.Welcome) []byte {
	w.Version = frame.Version
	if w.MaxMessageSize == 0 {
		w.MaxMessageSize = frame.DefaultMaxSize
	}
	body, err := frame.AppendWelcome(nil, &w)
	if err != nil {
		panic(err)
	}
	return encode(frame.Fields{Type: frame.TypeWelcome, Payload: body})
}

// streamOf returns the frame that comes before messages of a subscription.
func streamOf(subscription uint64, lane frame.Lane, next uint64) []byte {
	st := frame.Stream{Subscription: subscription, Lane: lane, Next: next}
	return encode(frame.Fields{Type: frame.TypeStream, ID: subscription, Payload: frame.AppendStream(nil, st)})
}

func goodbye(code frame.Code) []byte {
	return encode(frame.Fields{Type: frame.TypeGoodbye, Payload: frame.AppendGoodbye(nil, frame.Fault{Code: code})})
}

// acknowledge waits for a subscribe and acknowledges it; it returns its number.
func (p *peer) acknowledge() uint64 { return p.acknowledgeWith(frame.Ack{}) }

func (p *peer) acknowledgeWith(ack frame.Ack) uint64 {
	p.t.Helper()
	id := p.expect(frame.TypeSubscribe).ID()
	p.send(encode(frame.Fields{Type: frame.TypeAck, ID: id, Payload: frame.AppendAck(nil, ack)}))
	return id
}

// dial connects a client to a broker made of bytes.
func (b *fake) dial(w frame.Welcome, o ipc.ClientOptions) (*ipc.Client, *peer) {
	b.t.Helper()
	came := b.welcome(w)
	o.Path = b.path
	c, err := ipc.DialOptions(b.t.Context(), o)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	return c, <-came
}

// subscribed has c subscribe, and acknowledges it.
func (p *peer) subscribed(c *ipc.Client, spec router.Subscription) (s router.Subscriber, id uint64) {
	p.t.Helper()
	return p.subscribedWith(c, spec, frame.Ack{})
}

func (p *peer) subscribedWith(c *ipc.Client, spec router.Subscription, ack frame.Ack) (s router.Subscriber, id uint64) {
	p.t.Helper()
	type result struct {
		s   router.Subscriber
		err error
	}
	done := make(chan result, 1)
	go func() { // ends with the ack
		s, err := c.Subscribe(p.t.Context(), spec)
		done <- result{s, err}
	}()
	id = p.acknowledgeWith(ack)
	r := <-done
	if r.err != nil {
		p.t.Fatal(r.err)
	}
	return r.s, id
}
