package ipc_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router"
)

// TestReplayAfterReconnect holds that a subscription goes on where it was, when the broker
// has kept the messages that it missed.
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
	// Between the client and the broker is a relay that hangs up.
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

// TestResubscribeRefused has a broker that does not take a subscription back: it ends, and
// its Err is the reason; others go on.
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
	s = s.restart(t, router.Options{}, ipc.Options{Policy: rules(t, policy.Rule{Rights: policy.Rights{Publish: []string{"#"}, Subscribe: []string{"events.#"}}})})
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
	if good.Err() != nil {
		t.Error(good.Err())
	}
	s.await(t, "the message is reported as taken", func(st *router.Stats) bool { return st.Delivered == 1 })
}

// TestReplayGoesOnWithTheSameBroker holds that a client recognizes a broker by its epoch,
// and where that is missing by the number of the connection.
func TestReplayGoesOnWithTheSameBroker(t *testing.T) {
	for _, tc := range []struct {
		name        string
		first, next frame.Welcome
		from        uint64
	}{
		{"the same", frame.Welcome{Source: 5, Epoch: "a"}, frame.Welcome{Source: 6, Epoch: "a"}, 11},
		{"another one", frame.Welcome{Source: 5, Epoch: "a"}, frame.Welcome{Source: 4, Epoch: "b"}, 1},
		{"another one that has more connections", frame.Welcome{Source: 5, Epoch: "a"}, frame.Welcome{Source: 9, Epoch: "b"}, 1},
		{"another one without an epoch", frame.Welcome{Source: 5, Epoch: "a"}, frame.Welcome{Source: 9}, 1},
		{"no epochs, and a higher number", frame.Welcome{Source: 5}, frame.Welcome{Source: 6}, 11},
		{"no epochs, and the same number", frame.Welcome{Source: 5}, frame.Welcome{Source: 5}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			c, p := f.dial(tc.first, ipc.ClientOptions{})
			shown := make(chan *router.Message, 10)
			_, id := p.subscribed(c, router.Subscription{Patterns: []string{"events.#"}, ReplayFrom: 1, Handler: func(m *router.Message) { shown <- m.Clone() }})
			p.send(streamOf(id, frame.LaneBulk, 0), encode(frame.Fields{Type: frame.TypePublish, Topic: "events.a", Sequence: 10}))
			<-shown
			again := f.welcome(tc.next)
			p.conn.Close()
			p = <-again
			sub := p.expect(frame.TypeSubscribe)
			spec, err := router.ParseSubscription(sub.Payload())
			if err != nil || sub.ID() != id || spec.ReplayFrom != tc.from {
				t.Errorf("subscription %d from %d, want %d from %d: %v", sub.ID(), spec.ReplayFrom, id, tc.from, err)
			}
		})
	}
}

// TestServersHaveEpochs holds that each server has an epoch of its own.
func TestServersHaveEpochs(t *testing.T) {
	t.Parallel()
	var epochs [2]string
	for i := range epochs {
		s := start(t, router.Options{}, ipc.Options{})
		a, b := s.dial(t, ipc.ClientOptions{}), s.dial(t, ipc.ClientOptions{})
		epochs[i] = a.Welcome().Epoch
		if b.Welcome().Epoch != epochs[i] || epochs[i] == "" {
			t.Errorf("epochs %q and %q of one server", epochs[i], b.Welcome().Epoch)
		}
	}
	if epochs[0] == epochs[1] {
		t.Errorf("two servers have epoch %q", epochs[0])
	}
}

// TestSubscribeDuringReconnect subscribes while the connection is lost again and again. A
// Subscribe that succeeds makes one subscription: it comes back with each connection, and
// ends only when it is closed. A Subscribe that fails leaves nothing in the broker.
func TestSubscribeDuringReconnect(t *testing.T) {
	for range 4 {
		t.Run("", subscribeDuringReconnect)
	}
}

func subscribeDuringReconnect(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	relay := newRelay(t, s.path)
	st := make(states, 1000)
	c, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{
		Path: relay.path, OnState: func(err error) { st <- err },
		OnError: func(err error) { t.Errorf("told of %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	spec := router.Subscription{Handler: func(*router.Message) {}}
	for i := range 64 { // takes a while to encode, in which the connection may come back
		spec.Patterns = append(spec.Patterns, fmt.Sprintf("events.%d.%s", i, strings.Repeat("a", 200)))
	}
	stop := make(chan struct{})
	var running sync.WaitGroup
	var mu sync.Mutex
	var subs []router.Subscriber
	for range 4 {
		running.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				sub, err := c.Subscribe(t.Context(), spec)
				if err != nil {
					if !errors.Is(err, ipc.ErrDisconnected) {
						t.Error(err)
					}
					continue
				}
				mu.Lock()
				subs = append(subs, sub)
				full := len(subs) > 50
				if full {
					sub, subs = subs[0], subs[1:]
				}
				mu.Unlock()
				if full {
					if err := errors.Join(sub.Err(), sub.Close()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for range 6 { // with pauses that double
		relay.hangUp()
		st.lost(t)
		relay.open()
		st.back(t)
	}
	close(stop)
	running.Wait()
	flush(t, c)
	for _, sub := range subs {
		if err := sub.Err(); err != nil {
			t.Errorf("a subscription ended: %v", err)
		}
	}
	if n := len(s.stats(t).Subscriptions); n != len(subs) {
		t.Errorf("the broker has %d subscriptions, want %d", n, len(subs))
	}
}

// TestRefusedIsUnsubscribed holds that a broker keeps nothing of a subscription that it
// refused to take back.
func TestRefusedIsUnsubscribed(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c, p := f.dial(frame.Welcome{}, ipc.ClientOptions{})
	sub, id := p.subscribed(c, router.Subscription{Patterns: []string{"events.#"}, Handler: func(*router.Message) {}})
	again := f.welcome(frame.Welcome{})
	p.conn.Close()
	p = <-again
	p.expect(frame.TypeSubscribe)
	body := frame.Fault{Code: frame.CodeSubscription, Text: "id is in use"}
	p.send(encode(frame.Fields{Type: frame.TypeError, ID: id, Payload: frame.AppendError(nil, body)}))
	if got := p.expect(frame.TypeUnsubscribe).ID(); got != id {
		t.Errorf("unsubscribed %d, want %d", got, id)
	}
	if err := sub.Err(); !errors.Is(err, frame.ErrSubscription) {
		t.Error(err)
	}
}
