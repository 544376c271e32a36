package ipc_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestHandlerCallsTheClient makes the calls that a handler may make, and those that it
// may not: they return an error and are no deadlock.
func TestHandlerCallsTheClient(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	c := s.dial(t, ipc.ClientOptions{})
	echo := publisher(t, c, "events.echo")
	done := make(chan struct{})
	var own router.Subscriber
	ready := make(chan struct{})
	var err error
	own, err = c.Subscribe(t.Context(), router.Subscription{Patterns: []string{"events.ask", "events.echo"}, Handler: func(m *router.Message) {
		<-ready // own is set
		if string(m.Topic()) == "events.ask" {
			if err := echo.Publish(m.Payload); err != nil {
				t.Error(err)
			}
			return
		}
		_, subErr := c.Subscribe(t.Context(), router.Subscription{Patterns: []string{"events.x"}})
		_, reqErr := c.Request(t.Context(), router.StatsTarget, nil)
		_, pubErr := c.PublishConfirmed(t.Context(), router.Outgoing{Topic: "events.x"})
		_, resErr := c.Respond(t.Context(), "a.b", nil)
		for call, err := range map[string]error{
			"Subscribe": subErr, "Request": reqErr, "Respond": resErr, "PublishConfirmed": pubErr,
			"Flush": c.Flush(t.Context()), "Drain": c.Drain(t.Context()), "Close": c.Close(),
		} {
			if !errors.Is(err, ipc.ErrInHandler) {
				t.Errorf("%s in a handler: %v", call, err)
			}
		}
		if err := own.Close(); err != nil { // this is allowed
			t.Errorf("Subscriber.Close: %v", err)
		}
		close(done)
	}})
	if err != nil {
		t.Fatal(err)
	}
	close(ready)
	ask := publisher(t, c, "events.ask")
	if err := ask.Publish([]byte("x")); err != nil {
		t.Fatal(err)
	}
	<-done
	flush(t, c)
	s.await(t, "no subscription left", func(st *router.Stats) bool { return len(st.Subscriptions) == 0 })
}

// TestNoMessageAfterClose closes a subscription while messages stream into it.
func TestNoMessageAfterClose(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	pub, c := s.dial(t, ipc.ClientOptions{}), s.dial(t, ipc.ClientOptions{})
	stop := make(chan struct{})
	var publishing sync.WaitGroup
	out := publisher(t, pub, "events.a")
	publishing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if err := out.Publish(nil); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for range 50 {
		var inside sync.Mutex
		var shown, after atomic.Uint64
		var closed atomic.Bool
		sub := subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}, Handler: func(m *router.Message) {
			inside.Lock()
			defer inside.Unlock()
			if closed.Load() {
				after.Add(1)
			}
			shown.Add(1)
		}})
		eventually(t, "messages", func() bool { return shown.Load() > 0 })
		if err := sub.Close(); err != nil {
			t.Fatal(err)
		}
		inside.Lock() // the call in flight has ended
		closed.Store(true)
		inside.Unlock()
		flush(t, c)
		// The call that had begun and waited for the lock may still come.
		if n := after.Load(); n > 1 {
			t.Fatalf("%d messages after Close", n)
		}
	}
	close(stop)
	publishing.Wait()
	s.settled(t)
}

// TestSubscribeAndCloseRace subscribes and closes from many goroutines, while
// messages come, and then closes the client under them.
func TestSubscribeAndCloseRace(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	others := s.newPair(t)
	for range 5 {
		c := s.dial(t, ipc.ClientOptions{})
		out := publisher(t, c, "events.a")
		var running sync.WaitGroup
		var rounds atomic.Uint64
		for g := range 8 {
			running.Go(func() {
				for {
					spec := router.Subscription{Patterns: []string{"events.#"}}
					if g%2 == 0 {
						spec.Handler = func(*router.Message) {}
					}
					sub, err := c.Subscribe(t.Context(), spec)
					if err == nil {
						err = out.Publish(nil)
						err = errors.Join(err, sub.Close())
					}
					if errors.Is(err, router.ErrClosed) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					rounds.Add(1)
				}
			})
		}
		eventually(t, "rounds", func() bool { return rounds.Load() > 200 })
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		running.Wait()
	}
	others.check()
	if st := s.settled(t); len(st.Subscriptions) != 1 {
		t.Errorf("%d subscriptions left", len(st.Subscriptions))
	}
}

// TestAnswersLost has a broker announce that it has dropped answers: all calls that wait
// return an error, and a call that comes later is answered.
func TestAnswersLost(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := f.welcome(frame.Welcome{})
	reported := make(chan error, 1)
	c, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: f.path, OnError: func(err error) { reported <- err }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := <-b
	result := make(chan error)
	go func() { result <- c.Flush(t.Context()) }() // ends with the gap
	p.expect(frame.TypePing)
	p.send(encode(frame.Fields{Type: frame.TypeGap, Payload: frame.AppendGap(nil, frame.Gap{Count: 1, Lane: frame.LaneUrgent, Reason: frame.ReasonDropOldest})}))
	for _, err := range []error{<-result, <-reported} {
		if !errors.Is(err, frame.ErrSlow) {
			t.Error(err)
		}
	}
	go func() { result <- c.Flush(t.Context()) }() // ends with the pong
	p.send(encode(frame.Fields{Type: frame.TypePong, ID: p.expect(frame.TypePing).ID()}))
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// fill publishes until neither the socket nor the client takes more.
func fill(t testing.TB, c *ipc.Client) {
	t.Helper()
	var published atomic.Uint64
	for range 2 { // one writes, the other fills the outbox behind that
		out := publisher(t, c, "events.a")
		go func() { // ends with the client
			for out.Publish(make([]byte, 10000)) == nil {
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
}
