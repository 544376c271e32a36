package ipc_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestReplayAfterReconnect holds that a subscription goes on where it was, when
// the broker has kept what it missed.
func TestReplayAfterReconnect(t *testing.T) {
	t.Parallel()
	bo := router.Options{Replay: []router.ReplayRule{{Pattern: "events.#"}}}
	s := start(t, bo, ipc.Options{})
	other := s.dial(t, ipc.ClientOptions{})
	out := publisher(t, other, "events.a")
	publish := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if err := out.Publish([]byte(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		flush(t, other)
	}
	publish(0, 5)
	// Between the client and the broker is one that hangs up.
	relay := newRelay(t, s.path)
	st := make(states, 10)
	c, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: relay.path, OnState: func(err error) { st <- err }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := make(chan *router.Message, 100)
	subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}, ReplayFrom: 1, Handler: func(m *router.Message) { got <- m.Clone() }})
	expect := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if m := <-got; m.Gap != nil || string(m.Payload) != fmt.Sprint(i) || m.Sequence != uint64(i) {
				t.Fatalf("got %v %q, sequence %d; want %d", m.Gap, m.Payload, m.Sequence, i)
			}
		}
	}
	expect(0, 5)
	relay.hangUp()
	publish(5, 10)
	relay.open()
	st.lost(t)
	st.back(t)
	if m := <-got; m.Gap == nil || m.Gap.Reason != frame.ReasonConnection {
		t.Errorf("got %q, want a gap", m.Payload)
	}
	expect(5, 10)
	publish(10, 12)
	expect(10, 12)
}

// TestResubscribeRefused has a broker that does not take a subscription back: it
// ends, and says why; others go on.
func TestResubscribeRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run", "bus.sock")
	s := start(t, router.Options{}, ipc.Options{Path: path})
	st, told := make(states, 10), make(chan error, 10)
	c := s.dial(t, ipc.ClientOptions{OnState: func(err error) { st <- err }, OnError: func(err error) { told <- err }})
	bad := subscribe(t, c, router.Subscription{Patterns: []string{"control.#"}})
	good := subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}})
	s.stop(t)
	st.lost(t)
	s = s.restart(t, router.Options{}, ipc.Options{Policy: rules(t, ipc.Rule{Publish: []string{"#"}, Subscribe: []string{"events.#"}})})
	st.back(t)
	if err := <-told; !errors.Is(err, router.ErrDenied) {
		t.Error(err)
	}
	n := 0
	for m := range bad.Messages(within(t)) {
		if n++; m.Gap == nil {
			t.Errorf("got %q", m.Payload)
		}
	}
	if err := bad.Err(); n != 1 || !errors.Is(err, router.ErrDenied) {
		t.Errorf("%d gaps, %v", n, err)
	}
	if err := bad.Close(); err != nil {
		t.Error(err)
	}
	if err := publisher(t, c, "events.a").Publish([]byte("x")); err != nil {
		t.Fatal(err)
	}
	for m := range good.Messages(within(t)) {
		if m.Gap == nil {
			break
		}
	}
	if good.Err() != nil || s.stats(t).Delivered != 1 {
		t.Errorf("%v, delivered %d", good.Err(), s.stats(t).Delivered)
	}
}
