package fuzz

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// sessionPatience is a guard against hanging.
const sessionPatience = 20 * time.Second

// healthyQueue is how many messages the queue of the healthy client holds.
const healthyQueue = 1000

// FuzzSession writes any bytes to a server, before or after a good handshake. The
// server must end the connection, count right, and serve others as before.
func FuzzSession(f *testing.F) {
	s := newSessions(f)
	f.Fuzz(func(t *testing.T, greeted bool, b []byte) {
		s.attack(t, greeted, b)
		s.goOn(t)
		s.balance(t)
	})
}

// TestAFloodIsNoFault has what the fuzzer may come upon: more messages for the healthy
// client than its queue holds.
func TestAFloodIsNoFault(t *testing.T) {
	s := newSessions(t)
	message, err := frame.Append(nil, &frame.Fields{Type: frame.TypePublish, Topic: "healthy.pair"})
	if err != nil {
		t.Fatal(err)
	}
	s.attack(t, true, bytes.Repeat(message, 60*healthyQueue))
	s.goOn(t)
	s.balance(t)
}

// sessions is a server with a client that does nothing wrong.
type sessions struct {
	path    string
	broker  *router.Broker
	healthy *ipc.Client
	out     router.Publisher
	got     chan string
}

func newSessions(t testing.TB) *sessions {
	t.Helper()
	b, err := router.New(router.Options{
		Urgent: []string{"control.#"}, Replay: []router.ReplayRule{{Pattern: "events.#", MaxCount: 10}},
		MaxQueued: healthyQueue,
		MaxMemory: 32 << 20, MaxRetained: 8,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &sessions{path: filepath.Join(t.TempDir(), "run", "bus.sock"), broker: b, got: make(chan string, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() { // ends with ctx, and the cleanup waits for it
		done <- ipc.Serve(ctx, b, ipc.Options{Path: s.path, Ready: func(path string) { ready <- path }})
	}()
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, ipc.ErrServerClosed) {
			t.Error(err)
		}
		if n := b.Engine().Pool().Live(); n != 0 {
			t.Errorf("%d bytes of buffers were not released", n)
		}
	})
	if s.healthy, err = ipc.Dial(t.Context(), s.path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.healthy.Close() })
	// The fuzzer may find the topic, and publish more than the queue holds. That something
	// is lost is in order then, but only if so much came.
	lost, came := "", uint64(0)
	_, err = s.healthy.Subscribe(t.Context(), router.Subscription{Patterns: []string{"healthy.#"}, Handler: func(m *router.Message) {
		switch {
		case m.Gap != nil:
			lost = m.Gap.String()
			came += m.Gap.Count
		case m.Frame.Source() != s.healthy.Source():
			came++
		default:
			got := string(m.Payload)
			if lost != "" && came < healthyQueue {
				got = lost
			}
			lost, came = "", 0
			s.got <- got
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if s.out, err = s.healthy.Publisher("healthy.pair"); err != nil {
		t.Fatal(err)
	}
	return s
}

// attack writes b and reads whatever comes, until the server ends it.
func (s *sessions) attack(t *testing.T, greeted bool, b []byte) {
	t.Helper()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: s.path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(sessionPatience)); err != nil {
		t.Fatal(err)
	}
	in := frame.NewReader(conn, 4<<20)
	if greeted {
		if _, err := conn.Write(greeting()); err != nil {
			t.Fatal(err)
		}
		if f, err := in.Next(); err != nil || f.Type() != frame.TypeWelcome {
			t.Fatal(f, err)
		}
	}
	written := make(chan struct{})
	go func() { // ends with the bytes, or with the connection
		defer close(written)
		conn.Write(b)
		conn.CloseWrite()
	}()
	for {
		f, err := in.Next()
		if err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
			break
		}
		if err := f.Check(); err != nil && f.Type() != frame.TypePublish && f.Type() != frame.TypeRequest {
			t.Fatalf("the server sends a bad %s: %v", f.Type(), err)
		}
	}
	<-written
}

func greeting() []byte {
	body, err := frame.AppendHello(nil, &frame.Hello{Name: "fuzzer", Version: frame.Version})
	if err != nil {
		panic(err)
	}
	b, err := frame.Append(nil, &frame.Fields{Type: frame.TypeHello, Payload: body})
	if err != nil {
		panic(err)
	}
	return b
}

// goOn has the healthy client publish to itself.
func (s *sessions) goOn(t *testing.T) {
	t.Helper()
	if err := s.out.Publish([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-s.got:
		if got != "still here" {
			t.Fatal(got)
		}
	case <-time.After(sessionPatience):
		t.Fatal("the healthy client gets nothing")
	}
}

// balance waits until the connection is gone, and adds up. It flushes because a client
// reports then what its program has taken.
func (s *sessions) balance(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(sessionPatience); ; {
		if err := s.healthy.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		st, err := s.broker.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(st.Clients) == 1 && st.Queued == 0 {
			if st.Matched != st.Delivered+st.Dropped || st.OpenRequests != 0 || len(st.Subscriptions) != 1 || st.BufferBytes > st.MaxBufferBytes {
				t.Fatalf("%+v", st)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still open: %+v", st)
		}
	}
}
