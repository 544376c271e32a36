package ipc_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/endpoint"
)

// peer is a client made of bytes: it can do things that the real one never does.
type peer struct {
	t    testing.TB
	conn *net.UnixConn
	r    *frame.Reader
}

// knock connects and sends nothing.
func (s *server) knock(t testing.TB) *peer {
	t.Helper()
	var c *net.UnixConn
	eventually(t, "the backlog has room", func() bool {
		var err error
		c, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: s.path, Net: "unix"})
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
		return err == nil
	})
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	p := &peer{t, c, frame.NewReader(c, 0)}
	t.Cleanup(func() { p.conn.Close() })
	return p
}

// greet connects and makes the handshake.
func (s *server) greet(t testing.TB) *peer {
	t.Helper()
	return s.greetWith(t)
}

// greetWith is greet for a client that has features.
func (s *server) greetWith(t testing.TB, features ...string) *peer {
	t.Helper()
	p := s.knock(t)
	p.send(hello(frame.Hello{Name: "peer", Version: 1, Features: features}))
	p.expect(frame.TypeWelcome)
	return p
}

func hello(h frame.Hello) []byte {
	body, err := frame.AppendHello(nil, &h)
	if err != nil {
		panic(err)
	}
	return encode(frame.Fields{Type: frame.TypeHello, Content: frame.ContentJSON, Payload: body})
}

// encode returns a frame; a field that Append refuses is a mistake of the test.
func encode(f frame.Fields) []byte {
	b, err := frame.Append(nil, &f)
	if err != nil {
		panic(err)
	}
	return b
}

func message(id uint64, topic, payload string) []byte {
	return encode(frame.Fields{Type: frame.TypePublish, ID: endpoint.PublishID | id, Topic: topic, Payload: []byte(payload)})
}

// altered returns b with some of its bytes replaced.
func altered(b []byte, at int, with ...byte) []byte {
	b = append([]byte(nil), b...)
	copy(b[at:], with)
	return b
}

// send writes all of b. That the server has closed the connection is no failure, because
// the test may have given it a reason.
func (p *peer) send(b ...[]byte) {
	p.t.Helper()
	for _, b := range b {
		if _, err := p.conn.Write(b); err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				p.t.Fatal("the server does not read")
			}
			return
		}
	}
}

// next returns the next frame that is none of the types to skip.
func (p *peer) next(skip ...frame.Type) frame.Frame {
	p.t.Helper()
	for {
		f, err := p.r.Next()
		if err != nil {
			p.t.Fatalf("no frame: %v", err)
		}
		skipped := false
		for _, t := range skip {
			skipped = skipped || f.Type() == t
		}
		if !skipped {
			return f
		}
	}
}

func (p *peer) expect(want frame.Type) frame.Frame {
	p.t.Helper()
	f := p.next()
	if f.Type() != want {
		p.t.Fatalf("%s, want %s: %q", f.Type(), want, f.Payload())
	}
	return f
}

// expectError waits for the answer to the frame numbered id.
func (p *peer) expectError(id uint64, code frame.Code, fatal bool) frame.Fault {
	p.t.Helper()
	f := p.expect(frame.TypeError)
	e, err := frame.ParseError(f.Payload())
	if err != nil {
		p.t.Fatal(err)
	}
	if f.ID() != id || e.Code != code || e.Fatal != fatal || e.Text == "" {
		p.t.Fatalf("error %s for %d, fatal %t, %q; want %s for %d, fatal %t", e.Code, f.ID(), e.Fatal, e.Text, code, id, fatal)
	}
	return e
}

// expectEnd waits for goodbye with that code, and for the end of the stream.
func (p *peer) expectEnd(code frame.Code) {
	p.t.Helper()
	f := p.next(frame.TypePing, frame.TypePong, frame.TypeStream, frame.TypePublish, frame.TypeGap, frame.TypeAck)
	if f.Type() != frame.TypeGoodbye {
		p.t.Fatalf("%s, want goodbye: %q", f.Type(), f.Payload())
	}
	g, err := frame.ParseGoodbye(f.Payload())
	if err != nil || g.Code != code {
		p.t.Fatalf("goodbye with %s %q, want %s: %v", g.Code, g.Text, code, err)
	}
	p.expectEOF()
}

func (p *peer) expectEOF() {
	p.t.Helper()
	if f, err := p.r.Next(); !errors.Is(err, io.EOF) && (err == nil || !strings.Contains(err.Error(), "reset")) {
		p.t.Fatalf("%v %v, want the end", f, err)
	}
}

// subscribe starts subscription id.
func (p *peer) subscribe(id uint64, spec router.Subscription) {
	p.t.Helper()
	body, err := json.Marshal(spec)
	if err != nil {
		p.t.Fatal(err)
	}
	p.send(encode(frame.Fields{Type: frame.TypeSubscribe, ID: id, Content: frame.ContentJSON, Payload: body}))
	if f := p.expect(frame.TypeAck); f.ID() != id {
		p.t.Fatalf("ack for %d, want %d", f.ID(), id)
	}
}

// flush waits until the server has routed what was sent before.
func (p *peer) flush(id uint64) {
	p.t.Helper()
	p.send(encode(frame.Fields{Type: frame.TypePing, ID: id}))
	for {
		if f := p.next(); f.Type() == frame.TypePong && f.ID() == id {
			return
		}
	}
}
