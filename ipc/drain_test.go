package ipc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestDrainTakesWhatIsQueued has a consumer that begins when the broker and the
// client have all its messages in their queues.
func TestDrainTakesWhatIsQueued(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	pub, c := s.dial(t, ipc.ClientOptions{}), s.dial(t, ipc.ClientOptions{})
	sub := subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}})
	out := publisher(t, pub, "events.a")
	const n = 900
	for range n {
		if err := out.Publish(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, pub)
	got := make(chan int)
	drained := make(chan error, 1)
	go func() { drained <- c.Drain(within(t)) }() // ends with the loop below
	go func() {                                   // ends with the subscription
		n := 0
		for m := range sub.Messages(context.Background()) {
			if m.Gap != nil {
				t.Errorf("%s", m.Gap)
			}
			n++
		}
		got <- n
	}()
	if n := <-got; n != 900 {
		t.Errorf("got %d messages", n)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if err := sub.Err(); err != nil {
		t.Error(err)
	}
	s.await(t, "the client is gone", func(st *router.Stats) bool { return len(st.Clients) == 1 })
	if st := s.settled(t); st.Delivered != n || len(st.Refused) > 0 {
		t.Errorf("delivered %d, refused %v", st.Delivered, st.Refused)
	}
}

// TestDrainUnderLoad comes to its end although more is published than is taken.
func TestDrainUnderLoad(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	others := s.newPair(t)
	p := s.greet(t)
	p.subscribe(1, router.Subscription{Patterns: []string{"events.#"}})
	out := publisher(t, others.pub, "events.a")
	publish := func(n int) {
		t.Helper()
		for range n {
			if err := out.Publish(make([]byte, 5000)); err != nil {
				t.Fatal(err)
			}
		}
		flush(t, others.pub)
	}
	publish(1000)
	p.send(encode(frame.Fields{Type: frame.TypeDrain}))
	flush(t, others.pub) // the server has seen that
	for n := 1; p.next().Type() != frame.TypeGoodbye; n++ {
		if n > 5000 {
			t.Fatal("it goes on and on")
		}
		if n%10 == 0 {
			publish(20)
		}
	}
	others.check()
	s.settled(t)
}

// TestDrainWithoutAConsumer has nothing queued, and no consumer to find that out.
func TestDrainWithoutAConsumer(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	c := s.dial(t, ipc.ClientOptions{})
	subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}})
	if err := c.Drain(within(t)); err != nil {
		t.Error(err)
	}
	if err := c.Drain(within(t)); !errors.Is(err, router.ErrClosed) {
		t.Errorf("second Drain: %v", err)
	}
}

// TestDrainEndsWithItsContext has something queued that no consumer takes.
func TestDrainEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	c := s.dial(t, ipc.ClientOptions{})
	sub := subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}})
	if err := publisher(t, c, "events.a").Publish(nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	for range sub.Messages(t.Context()) {
		t.Error("a message after the end")
	}
	s.await(t, "the client is gone", func(st *router.Stats) bool { return len(st.Clients) == 0 })
	s.settled(t)
}

// TestDrainAnswersFirst has a request in a handler, and one under way, when both
// clients drain.
func TestDrainAnswersFirst(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	asker, responder := s.dial(t, ipc.ClientOptions{}), s.dial(t, ipc.ClientOptions{})
	asked, answer := make(chan struct{}), make(chan struct{})
	_, err := responder.Respond(t.Context(), "a.b", func(context.Context, *router.Request) ([]byte, error) {
		close(asked)
		<-answer
		return []byte("late"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		router.Reply
		error
	}
	replied := make(chan result, 1)
	go func() { // ends with the answer
		r, err := asker.Request(within(t), "a.b", nil)
		replied <- result{r, err}
	}()
	<-asked
	drained := make(chan error, 2)
	for _, c := range []*ipc.Client{asker, responder} {
		go func() { drained <- c.Drain(within(t)) }() // ends after the answer
	}
	close(answer)
	if r := <-replied; r.error != nil || string(r.Payload) != "late" {
		t.Errorf("%q, %v", r.Payload, r.error)
	}
	for range 2 {
		if err := <-drained; err != nil {
			t.Error(err)
		}
	}
}

// TestDrainAndHangUp drains with a full socket, and ends its half of the stream: that is
// no end of the other half.
func TestDrainAndHangUp(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	others := s.newPair(t)
	p := s.greet(t)
	p.subscribe(1, router.Subscription{Patterns: []string{"events.#"}})
	out := publisher(t, others.pub, "events.a")
	for range 1000 {
		if err := out.Publish(make([]byte, 2000)); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, others.pub)
	p.send(encode(frame.Fields{Type: frame.TypeDrain}))
	flush(t, others.pub) // the server has seen that
	if err := p.conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	flush(t, others.pub)
	p.expectEnd(frame.CodeNone)
	others.check()
	s.settled(t)
}

// TestShutdown ends a server with something queued for a client that takes it, and for one
// that does not, and goes before DrainTimeout.
func TestShutdown(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{DrainTimeout: 2 * patience})
	stuck, p := s.greet(t), s.greet(t)
	for _, p := range []*peer{stuck, p} {
		p.subscribe(1, router.Subscription{Patterns: []string{"events.#"}})
	}
	waiting := s.knock(t) // in its handshake
	c := s.dial(t, ipc.ClientOptions{NoReconnect: true})
	out := publisher(t, c, "events.a")
	const n = 500
	for range n {
		if err := out.Publish(make([]byte, 2000)); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, c)
	got := make(chan int, 1)
	go func() { // ends with the stream
		n := 0
		for {
			f, err := p.r.Next()
			if err != nil {
				break
			}
			switch f.Type() {
			case frame.TypePublish:
				n++
			case frame.TypeGoodbye:
				if g, err := frame.ParseGoodbye(f.Payload()); err != nil || g.Code != frame.CodeShutdown {
					t.Errorf("%+v %v", g, err)
				}
				got <- n
			}
		}
		close(got)
	}()
	s.cancel()
	if n := <-got; n != 500 {
		t.Errorf("got %d messages before goodbye", n)
	}
	stuck.conn.Close() // the server waits for it
	s.stop(t)
	waiting.expectEnd(frame.CodeShutdown)
	if _, err := c.Request(t.Context(), "a.b", nil); !errors.Is(err, router.ErrClosed) {
		t.Error(err)
	}
}

// TestNothingIsRoutedBehindDrain has messages behind a drain frame, in the same
// write and in another: neither is routed.
func TestNothingIsRoutedBehindDrain(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	p := s.greet(t)
	p.subscribe(1, router.Subscription{Patterns: []string{"events.#"}})
	let := s.hold(t)
	p.send(append(append(message(1, "events.none", ""), encode(frame.Fields{Type: frame.TypeDrain})...), message(2, "events.none", "")...))
	let()
	p.send(message(3, "events.none", ""))
	p.expectEnd(frame.CodeNone)
	if st := s.settled(t); st.Published != 1 {
		t.Errorf("published %d, want what came before drain", st.Published)
	}
}

// TestAShutdownSendsWhatWaitsForACredit has a small queue, of which only half may be on
// its way while nobody takes anything. A server that ends sends all of it.
func TestAShutdownSendsWhatWaitsForACredit(t *testing.T) {
	t.Parallel()
	const n = 16
	s := start(t, router.Options{}, ipc.Options{})
	c := s.dial(t, ipc.ClientOptions{NoReconnect: true})
	sub := subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}, Queue: n})
	other := s.dial(t, ipc.ClientOptions{})
	out := publisher(t, other, "events.a")
	for range n {
		if err := out.Publish(nil); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, other)
	s.stop(t)
	got := 0
	for m := range sub.Messages(within(t)) {
		if m.Gap != nil {
			t.Errorf("after %d messages: %s", got, m.Gap)
		}
		got++
	}
	if err := sub.Err(); got != n || !errors.Is(err, frame.ErrShutdown) {
		t.Errorf("%d messages, want %d; the subscription ended with %v", got, n, err)
	}
}

// TestTwoDrainsAtOnce holds that the second waits for the first, and does not close the
// client under it.
func TestTwoDrainsAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	c := s.dial(t, ipc.ClientOptions{})
	sub := subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}})
	other := s.dial(t, ipc.ClientOptions{})
	out := publisher(t, other, "events.a")
	const n = 500
	for range n {
		if err := out.Publish([]byte("a")); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, other)
	drained := make(chan error, 2)
	for range 2 {
		go func() { drained <- c.Drain(t.Context()) }() // ends when all is taken
	}
	got := 0
	for m := range sub.Messages(t.Context()) {
		if m.Gap != nil {
			t.Errorf("after %d messages: %s", got, m.Gap)
			continue
		}
		if got++; got == 1 {
			eventually(t, "one of them drains", func() bool { return len(s.stats(t).Subscriptions) == 0 })
		}
	}
	if got != n {
		t.Errorf("%d messages were taken, want %d", got, n)
	}
	first, second := <-drained, <-drained
	if first != nil {
		t.Errorf("the first Drain to end: %v", first)
	}
	if second == nil || !errors.Is(second, router.ErrClosed) {
		t.Errorf("the second Drain: %v, want ErrClosed", second)
	}
}
