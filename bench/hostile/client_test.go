package hostile

import (
	"cmp"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// client is a connection on which anything can be sent. Nobody reads from it but its
// methods.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *frame.Reader
	w    frame.Welcome
	id   uint64 // of the last ping
}

// connect connects and sends nothing.
func connect(t testing.TB, path string) *client {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(10 * patience)); err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, conn: conn, r: frame.NewReader(conn, 0)}
	t.Cleanup(func() { c.conn.Close() })
	return c
}

// dial connects and makes the handshake; the client has the features.
func dial(t testing.TB, path string, features frame.Features) *client {
	t.Helper()
	c := connect(t, path)
	c.hello(features)
	f := c.next()
	if f.Type() != frame.TypeWelcome {
		t.Fatalf("%s instead of welcome: %q", f.Type(), f.Payload())
	}
	w, err := frame.ParseWelcome(f.Payload())
	if err != nil {
		t.Fatal(err)
	}
	c.w = w
	return c
}

// hostile is the name of all clients but the probe.
const hostile = "hostile"

func (c *client) hello(features frame.Features) {
	c.t.Helper()
	body, err := frame.AppendHello(nil, &frame.Hello{Name: cmp.Or(os.Getenv(roleEnv), hostile), Version: frame.Version, Features: features.Names()})
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(encode(c.t, frame.Fields{Type: frame.TypeHello, Content: frame.ContentJSON, Payload: body}))
}

func encode(t testing.TB, f frame.Fields) []byte {
	t.Helper()
	f.Time = frame.Now()
	b, err := frame.Append(nil, &f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (c *client) send(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatalf("the agent does not read: %v", err)
	}
}

// publish sends messages of one payload in large writes, and waits now and then until the
// agent has routed them.
func (c *client) publish(topics func(yield func(string) bool), payload []byte, flags frame.Flags, ext []byte) {
	c.t.Helper()
	var b []byte
	sent := 0
	for topic := range topics {
		b = append(b, encode(c.t, frame.Fields{Type: frame.TypePublish, Priority: frame.NormalPriority, Topic: topic, Payload: payload, Flags: flags, Extension: ext})...)
		if len(b) > 64<<10 {
			c.send(b)
			b = b[:0]
		}
		if sent++; sent%2000 == 0 {
			c.send(b)
			b = b[:0]
			c.flush()
		}
	}
	c.send(b)
	c.flush()
}

// next returns the next frame, and answers pings.
func (c *client) next() frame.Frame {
	c.t.Helper()
	for {
		f, err := c.r.Next()
		if err != nil {
			c.t.Fatalf("no frame: %v", err)
		}
		if f.Type() != frame.TypePing {
			return f
		}
		c.send(encode(c.t, frame.Fields{Type: frame.TypePong, ID: f.ID()}))
	}
}

// await skips frames until one is of a type and has an id.
func (c *client) await(want frame.Type, id uint64) frame.Frame {
	c.t.Helper()
	for {
		f := c.next()
		switch {
		case f.Type() == want && f.ID() == id:
			return f
		case f.Type() == frame.TypeGoodbye, f.Type() == frame.TypeError && f.ID() == id:
			c.t.Fatalf("%s instead of %s: %q", f.Type(), want, f.Payload())
		}
	}
}

// flush waits until the agent has routed all that was sent.
func (c *client) flush() {
	c.t.Helper()
	c.id++
	id := 1<<40 + c.id
	c.send(encode(c.t, frame.Fields{Type: frame.TypePing, ID: id}))
	c.await(frame.TypePong, id)
}

// subscribe adds n subscriptions, numbered from first on.
func (c *client) subscribe(first uint64, n int, spec func(i int) router.Subscription) {
	c.t.Helper()
	for i := range n {
		c.send(subscription(c.t, first+uint64(i), spec(i)))
	}
	c.await(frame.TypeAck, first+uint64(n)-1)
}

func subscription(t testing.TB, id uint64, spec router.Subscription) []byte {
	t.Helper()
	body, err := spec.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	return encode(t, frame.Fields{Type: frame.TypeSubscribe, ID: id, Content: frame.ContentJSON, Payload: body})
}

// ended waits for the end of the connection, and returns the code of the goodbye.
func (c *client) ended() frame.Code {
	c.t.Helper()
	code := frame.CodeNone
	for {
		f, err := c.r.Next()
		if errors.Is(err, io.EOF) {
			return code
		}
		if err != nil {
			c.t.Fatal(err)
		}
		if f.Type() == frame.TypeGoodbye {
			g, err := frame.ParseGoodbye(f.Payload())
			if err != nil {
				c.t.Fatal(err)
			}
			code = g.Code
		}
	}
}

// every returns a specification for each of n subscriptions alike.
func every(spec router.Subscription) func(int) router.Subscription {
	return func(int) router.Subscription { return spec }
}
