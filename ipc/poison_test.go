package ipc_test

import (
	"errors"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// publishLarge publishes n messages of which a socket takes less than one, and a small
// one; it returns the results of publishing.
func publishLarge(t testing.TB, c *ipc.Client, n int) <-chan error {
	t.Helper()
	large, small := publisher(t, c, "events.large"), publisher(t, c, "events.small")
	done := make(chan error, 1)
	go func() { // ends when all is kept
		for range n {
			if err := large.Publish(make([]byte, 800<<10)); err != nil {
				done <- err
				return
			}
		}
		done <- small.Publish([]byte("x"))
	}()
	return done
}

// TestKeptMessagesThatBecameTooLarge has a client come back to a broker that takes
// smaller messages than the one before.
func TestKeptMessagesThatBecameTooLarge(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	const n = 3
	st, reported := make(states, 10), make(chan error, 2*n)
	c, p := f.dial(frame.Welcome{}, ipc.ClientOptions{Backlog: 10 << 20, OnState: func(err error) { st <- err }, OnError: func(err error) { reported <- err }})
	p.conn.Close()
	st.lost(t)
	if err := <-publishLarge(t, c, n); err != nil {
		t.Fatal(err)
	}
	again := f.welcome(frame.Welcome{MaxMessageSize: 64 << 10})
	st.back(t)
	p = <-again
	if m := p.expect(frame.TypePublish); string(m.Topic()) != "events.small" {
		t.Errorf("%s came", m.Topic())
	}
	for range n {
		var limit *router.LimitError
		if err := <-reported; !errors.As(err, &limit) || limit.Max != 64<<10 {
			t.Error(err)
		}
	}
}

// TestMessageThatEndsConnections has a broker that does not take a message: it ends the
// connection before it has read the whole. What is behind that message comes all the
// same.
func TestMessageThatEndsConnections(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	reported := make(chan error, 10)
	c, p := f.dial(frame.Welcome{}, ipc.ClientOptions{Backlog: 10 << 20, OnError: func(err error) { reported <- err }})
	done := publishLarge(t, c, 1)
	body := frame.Fault{Code: frame.CodeMemory, Fatal: true, Text: "no room"}
	for round := range 2 {
		b := make([]byte, frame.HeaderSize) // it sees the beginning
		if _, err := p.conn.Read(b); err != nil {
			t.Fatal(err)
		}
		again := f.welcome(frame.Welcome{})
		p.send(encode(frame.Fields{Type: frame.TypeError, Payload: frame.AppendError(nil, body)}), goodbye(body.Code))
		p.conn.Close()
		if p = <-again; p == nil {
			t.Fatal("round", round)
		}
	}
	if m := p.expect(frame.TypePublish); string(m.Topic()) != "events.small" {
		t.Errorf("%s came", m.Topic())
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	for range 3 { // two errors of the broker, and then one of the client about what it dropped
		if err := <-reported; !errors.Is(err, frame.ErrMemory) {
			t.Error(err)
		}
	}
}
