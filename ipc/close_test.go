package ipc_test

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestCloseSendsWhatWasPublished has no Flush before Close. One client subscribes
// to what it publishes, and leaves much of that unread.
func TestCloseSendsWhatWasPublished(t *testing.T) {
	for name, subscribes := range map[string]bool{"a publisher": false, "one that subscribes too": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closeSendsWhatWasPublished(t, subscribes)
		})
	}
}

func closeSendsWhatWasPublished(t *testing.T, subscribes bool) {
	s := start(t, router.Options{}, ipc.Options{})
	sent := uint64(0)
	for round := range 50 {
		c := s.dial(t, ipc.ClientOptions{})
		if subscribes {
			subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}})
		}
		out := publisher(t, c, "events.a")
		for range 100 * round {
			if err := out.Publish(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := out.Publish(nil); !errors.Is(err, router.ErrClosed) {
			t.Errorf("publish after Close: %v", err)
		}
	}
	st := s.await(t, "all published", func(st *router.Stats) bool { return st.Published == sent && len(st.Clients) == 0 })
	if len(st.Refused) > 0 {
		t.Errorf("refused %v", st.Refused)
	}
}

// TestCloseUnblocks closes a client whose broker takes nothing any more, with
// calls and publishers waiting.
func TestCloseUnblocks(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := f.welcome(frame.Welcome{})
	c, err := ipc.Dial(t.Context(), f.path)
	if err != nil {
		t.Fatal(err)
	}
	<-b // and reads no further
	results := make(chan error)
	var published atomic.Uint64
	for range 3 {
		out := publisher(t, c, "events.a")
		go func() { // ends with Close
			for {
				if err := out.Publish(make([]byte, 10000)); err != nil {
					results <- err
					return
				}
				published.Add(1)
			}
		}()
	}
	var before uint64
	eventually(t, "the socket is full", func() bool {
		now := published.Load()
		full := now > 0 && now == before
		before = now
		return full
	})
	go func() { // ends with Close
		_, err := c.Request(context.Background(), "a.b", nil)
		results <- err
	}()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for range 4 {
		if err := <-results; !errors.Is(err, router.ErrClosed) {
			t.Error(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// TestMessagesOutliveTheConnection publishes more than the sockets hold to a broker that
// dies without reading: messages that it cannot have read whole come to the next one, in
// order and once.
func TestMessagesOutliveTheConnection(t *testing.T) {
	t.Parallel()
	const n = 50
	f := newFake(t)
	b := f.welcome(frame.Welcome{})
	st := make(states, 10)
	c, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: f.path, Backlog: 10 << 20, OnState: func(err error) { st <- err }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := <-b
	again := f.welcome(frame.Welcome{})
	out := publisher(t, c, "events.a")
	publishing := make(chan error, 1)
	go func() { // ends when all is published
		payload := make([]byte, 100<<10)
		for i := range uint64(n) {
			binary.LittleEndian.PutUint64(payload, i)
			if err := out.Publish(payload); err != nil {
				publishing <- err
				return
			}
		}
		publishing <- nil
	}()
	first := p.next() // the rest of what came stays in the socket
	p.conn.Close()
	st.lost(t)
	p = <-again
	st.back(t)
	next := uint64(0)
	for i := 0; ; i++ {
		m := p.next()
		got := binary.LittleEndian.Uint64(m.Payload())
		if i > 0 && got != next || got <= binary.LittleEndian.Uint64(first.Payload()) {
			t.Fatalf("message %d after %d", got, next)
		}
		if next = got + 1; next == n {
			break
		}
	}
	if err := <-publishing; err != nil {
		t.Error(err)
	}
}

// TestPublishedBeforeTheEndIsRouted ends a client that subscribes to its own messages:
// the server has something to write to it, cannot, and has not read all that the client
// sent.
func TestPublishedBeforeTheEndIsRouted(t *testing.T) {
	for name, reads := range map[string]bool{"with something unread": false, "with everything read": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, router.Options{}, ipc.Options{})
			others := s.newPair(t)
			p := s.greet(t)
			if err := p.conn.SetWriteBuffer(212992); err != nil {
				t.Fatal(err)
			}
			p.subscribe(1, router.Subscription{Patterns: []string{"events.#"}, Overflow: router.Disconnect})
			if !reads {
				p.send(message(1, "events.a", "unread"))
				p.flush(1)
				p.send(message(1, "events.a", "unread"))
			}
			hold := s.hold(t)
			const n = 300 // of a kilobyte: more than one read takes
			var b []byte  // in one piece, because the socket takes less of many
			for id := range uint64(n) {
				b = append(b, message(id, "events.a", string(make([]byte, 1000)))...)
			}
			p.send(b)
			p.conn.Close()
			hold()
			s.await(t, "the client is gone", func(st *router.Stats) bool { return len(st.Clients) == 2 })
			others.check()
			st := s.settled(t)
			want := others.sent + n
			if !reads {
				want += 2
			}
			if st.Published != want || len(st.Refused) > 0 {
				t.Errorf("published %d, want %d; refused %v", st.Published, want, st.Refused)
			}
		})
	}
}
