package ipc_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// states records the calls of OnState.
type states chan error

func (s states) lost(t testing.TB) {
	t.Helper()
	if err := <-s; err == nil {
		t.Fatal("connected, want the connection lost")
	}
}

func (s states) back(t testing.TB) {
	t.Helper()
	if err := <-s; err != nil {
		t.Fatalf("%v, want connected", err)
	}
}

// restart ends the server and starts another one at the same place.
func (s *server) restart(t testing.TB, bo router.Options, o ipc.Options) *server {
	t.Helper()
	s.stop(t)
	o.Path = s.path
	return start(t, bo, o)
}

// TestReconnect holds that subscriptions come back with a gap in front, in a handler as in
// a loop, and responders too; and that messages published meanwhile arrive, in their
// order.
func TestReconnect(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	st := make(states, 10)
	c := s.dial(t, ipc.ClientOptions{OnState: func(err error) { st <- err }})
	shown := make(chan *router.Message, 100)
	subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}, Handler: func(m *router.Message) { shown <- m.Clone() }})
	loop := subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}})
	looped := make(chan *router.Message, 100)
	go func() { // ends with the client
		for m := range loop.Messages(context.Background()) {
			looped <- m.Clone()
		}
		close(looped)
	}()
	closed := subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}})
	_, err := c.Respond(t.Context(), "a.b", func(context.Context, *router.Request) ([]byte, error) { return []byte("yes"), nil })
	if err != nil {
		t.Fatal(err)
	}
	out := publisher(t, c, "events.a")
	check := func(sequence uint64, want string) {
		t.Helper()
		for name, ch := range map[string]chan *router.Message{"handler": shown, "loop": looped} {
			m := <-ch
			if want == "" {
				if m.Gap == nil || m.Gap.Reason != frame.ReasonConnection || m.Gap.Count != 0 || m.Gap.First != sequence {
					t.Errorf("%s: %v %q, want a gap before %d", name, m.Gap, m.Payload, sequence)
				}
			} else if m.Gap != nil || string(m.Payload) != want || m.Sequence != sequence {
				t.Errorf("%s: %v %q, sequence %d; want %q, %d", name, m.Gap, m.Payload, m.Sequence, want, sequence)
			}
		}
	}
	next := uint64(0)
	publish := func(text string) {
		t.Helper()
		if err := out.Publish([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 3 {
		publish(fmt.Sprint("before ", round))
		check(next, fmt.Sprint("before ", round))
		if round == 1 {
			if err := closed.Close(); err != nil {
				t.Error(err)
			}
		}
		s.stop(t)
		st.lost(t)
		publish(fmt.Sprint("away ", round))
		publish(fmt.Sprint("still away ", round))
		s = s.restart(t, router.Options{}, ipc.Options{})
		st.back(t)
		check(next+1, "")
		check(next+1, fmt.Sprint("away ", round))
		check(next+2, fmt.Sprint("still away ", round))
		next += 3
		if r, err := c.Request(within(t), "a.b", nil); err != nil || string(r.Payload) != "yes" {
			t.Errorf("%q, %v", r.Payload, err)
		}
		if n, want := len(s.stats(t).Subscriptions), 4-min(round, 1); n != want {
			t.Errorf("round %d: %d subscriptions, want %d", round, n, want)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, more := <-looped; more {
		t.Error("a message after Close")
	}
	s.settled(t)
}

// TestBacklogIsBounded publishes more than a client keeps without a connection.
func TestBacklogIsBounded(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	st := make(states, 10)
	c := s.dial(t, ipc.ClientOptions{OnState: func(err error) { st <- err }, Backlog: 10000})
	out := publisher(t, c, "events.a")
	s.stop(t)
	st.lost(t)
	kept := uint64(0)
	for ; ; kept++ {
		if err := out.Publish(make([]byte, 100)); err != nil {
			if !errors.Is(err, ipc.ErrDisconnected) {
				t.Error(err)
			}
			break
		}
	}
	if want := uint64(10000 / (frame.HeaderSize + len("events.a") + 100)); kept != want {
		t.Errorf("kept %d messages, want %d", kept, want)
	}
	if err := c.Publish(t.Context(), router.Outgoing{Topic: "events.a", Payload: make([]byte, 100)}); !errors.Is(err, ipc.ErrDisconnected) {
		t.Error(err)
	}
	s = s.restart(t, router.Options{}, ipc.Options{})
	st.back(t)
	flush(t, c)
	if got := s.stats(t).Published; got != kept {
		t.Errorf("published %d, want %d", got, kept)
	}
}

// TestCallsEndWithTheConnection has every kind of call wait while the broker goes.
func TestCallsEndWithTheConnection(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := f.welcome(frame.Welcome{})
	st := make(states, 10)
	c, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: f.path, OnState: func(err error) { st <- err }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := <-b
	results := make(chan error)
	for _, call := range []func() error{
		func() error { return c.Flush(t.Context()) },
		func() error { _, err := c.Request(t.Context(), "a.b", nil); return err },
		func() error {
			_, err := c.Subscribe(t.Context(), router.Subscription{Patterns: []string{"a"}})
			return err
		},
		func() error { _, err := c.Respond(t.Context(), "a.b", nil); return err },
	} {
		go func() { results <- call() }() // ends with the connection
	}
	for range 4 {
		if f, err := p.r.Next(); err != nil {
			t.Fatal(f, err)
		}
	}
	again := f.welcome(frame.Welcome{})
	p.conn.Close()
	for range 4 {
		if err := <-results; !errors.Is(err, ipc.ErrDisconnected) {
			t.Error(err)
		}
	}
	st.lost(t)
	p = <-again
	st.back(t)
	// No request comes again, because the calls have returned an error.
	go c.Flush(t.Context()) // ends with the client
	if got := p.next(); got.Type() != frame.TypePing {
		t.Errorf("the new connection begins with %s", got.Type())
	}
}
