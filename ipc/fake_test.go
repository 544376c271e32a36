package ipc_test

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
)

// fake is a broker made of bytes: it can do what the real one never does.
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
