package inproc_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/inproc"
	"github.com/daemoneye/eventbus/router/internal/brokertest"
)

// all calls each method of a client.
func all(c *inproc.Client, p router.Publisher) map[string]error {
	ctx := context.Background()
	errs := map[string]error{
		"Publish":           c.Publish(ctx, router.Outgoing{Topic: "a"}),
		"Publisher.Publish": p.Publish(nil),
		"Flush":             c.Flush(ctx),
	}
	_, errs["PublishConfirmed"] = c.PublishConfirmed(ctx, router.Outgoing{Topic: "a"})
	_, errs["Subscribe"] = c.Subscribe(ctx, router.Subscription{Patterns: []string{"a"}})
	_, errs["Request"] = c.Request(ctx, "a", nil)
	_, errs["Respond"] = c.Respond(ctx, "a", echo)
	return errs
}

func TestAfterTheEndEverythingIsErrClosed(t *testing.T) {
	b, stop := serveUntil(t, router.Options{})
	c, d := brokertest.Connect(b, "c"), brokertest.Connect(b, "d")
	pc, pd := publisher(t, c, "a"), publisher(t, d, "a")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range all(c, pc) {
		if !errors.Is(err, router.ErrClosed) {
			t.Errorf("closed client: %s: %v", name, err)
		}
	}
	stop()
	for name, err := range all(d, pd) {
		if !errors.Is(err, router.ErrClosed) {
			t.Errorf("closed broker: %s: %v", name, err)
		}
	}
	late := brokertest.Connect(b, "late")
	for name, err := range all(late, publisher(t, late, "a")) {
		if !errors.Is(err, router.ErrClosed) {
			t.Errorf("client of a closed broker: %s: %v", name, err)
		}
	}
	for _, x := range []*inproc.Client{c, d, late, c} {
		if err := x.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

// Refusals that a client never reads, because it makes no request, are released too.
func TestUnreadRefusalsAreReleased(t *testing.T) {
	b := serve(t, router.Options{})
	c := inproc.New(b, router.Identity{Name: "c"}, func(router.Op, string) error { return router.ErrDenied })
	publish(t, c, "a", numbers(0, 10)...)
	flush(t, c)
	if n := stats(t, b).Refused["denied"]; n != 10 {
		t.Errorf("%d were refused, want 10", n)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatIsQueuedOutlivesTheBroker(t *testing.T) {
	b, stop := serveUntil(t, router.Options{})
	c := brokertest.Connect(b, "c")
	s := subscribe(t, c, router.Subscription{Patterns: []string{"a"}})
	left := subscribe(t, c, router.Subscription{Patterns: []string{"a"}})
	publish(t, c, "a", numbers(0, 3)...)
	stop()
	var got []string
	for m := range s.Messages(within(t)) {
		got = append(got, line(m))
	}
	if diff := cmp.Diff([]string{"0 0", "1 1", "2 2"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, x := range []router.Subscriber{s, left} {
		if err := x.Err(); !errors.Is(err, router.ErrClosed) {
			t.Errorf("Err: %v, want ErrClosed", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	c.Close() // releases what is left
}

func TestAHandlerMayCloseItsSubscription(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	var calls atomic.Int32
	given := make(chan router.Subscriber, 1)
	closed := make(chan struct{})
	s := subscribe(t, c, router.Subscription{Patterns: []string{"a"}, Handler: func(*router.Message) {
		calls.Add(1)
		s := <-given
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		close(closed) // once, or it panics
	}})
	publish(t, c, "a", numbers(0, 100)...)
	flush(t, c)
	given <- s
	brokertest.Wait(t, closed)
	publish(t, c, "a", numbers(0, 100)...)
	flush(t, c)
	brokertest.Wait(t, s.(interface{ Ended() <-chan struct{} }).Ended()) // no handler is called after that
	if err := s.Err(); err != nil || calls.Load() != 1 {
		t.Errorf("called %d times, Err: %v", calls.Load(), err)
	}
	if s := stats(t, b); s.Matched != 100 || s.Delivered != 1 || s.DroppedBy["connection lost"] != 99 {
		t.Errorf("matched %d, delivered %d, dropped by %v", s.Matched, s.Delivered, s.DroppedBy)
	}
}

func TestCloseWaitsForHandlers(t *testing.T) {
	b := serve(t, router.Options{})
	c := brokertest.Connect(b, "c")
	inside, let := make(chan struct{}, 1), make(chan struct{})
	var ended atomic.Bool
	subscribe(t, c, router.Subscription{Patterns: []string{"a"}, Handler: func(*router.Message) {
		inside <- struct{}{}
		<-let
		ended.Store(true)
	}})
	publish(t, c, "a", "1", "2")
	brokertest.Wait(t, inside)
	var closers sync.WaitGroup
	for range 3 { // all of them wait
		closers.Go(func() {
			if err := c.Close(); err != nil || !ended.Load() {
				t.Errorf("Close returns %v, with the handler's end at %v", err, ended.Load())
			}
		})
	}
	close(let)
	closers.Wait()
}

func TestMessagesGoOnWhereTheLoopWasLeft(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	s := subscribe(t, c, router.Subscription{Patterns: []string{"a"}, Queue: 5})
	publish(t, c, "a", numbers(0, 7)...)
	flush(t, c)
	var got []string
	for range 3 {
		got = append(got, read(t, s, 2)...)
	}
	want := []string{"gap 0-1: 2 of 84 bytes, queue full, oldest dropped", "2 2", "3 3", "4 4", "5 5", "6 6"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for m := range s.Messages(ctx) {
		t.Errorf("a context that has ended gets %s", line(m))
	}
	publish(t, c, "a", "7")
	if diff := cmp.Diff([]string{"7 7"}, read(t, s, 1)); diff != "" {
		t.Errorf("afterwards (-want +got)\n%s", diff)
	}
}

func TestDrainWaitsForHandlersLoopsAndRequests(t *testing.T) {
	b := serve(t, router.Options{})
	c, d := brokertest.Connect(b, "c"), client(t, b, "d")
	inside, let := make(chan struct{}, 100), make(chan struct{})
	var got []string // the handler's until Drain has returned
	subscribe(t, c, router.Subscription{Patterns: []string{"a"}, Handler: func(m *router.Message) {
		inside <- struct{}{}
		<-let
		got = append(got, line(m))
	}})
	subscribe(t, c, router.Subscription{Patterns: []string{"nothing"}}) // Drain does not wait for the consumer of an empty queue
	slow := brokertest.NewBlocker()
	respond(t, c, "slow", slow.Handle)
	outcome := ask(context.Background(), d, "slow")
	brokertest.Wait(t, slow.Called)
	publish(t, c, "a", numbers(0, 3)...)
	publish(t, c, "b", "last")
	brokertest.Wait(t, inside)
	drained := make(chan error, 1)
	go func() { drained <- c.Drain(context.Background()) }()
	for slices.ContainsFunc(stats(t, b).Subscriptions, func(s router.SubStats) bool { return s.Name == "c" }) {
		flush(t, d) // until Drain has ended the subscriptions
	}
	publish(t, d, "a", "too late")
	flush(t, d)
	close(let)
	close(slow.Let)
	if err := brokertest.Wait(t, drained); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"0 0", "1 1", "2 2"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := brokertest.Wait(t, outcome); err != nil {
		t.Errorf("the request that was being answered: %v", err)
	}
	if s := stats(t, b); s.Published != 5 || s.Queued != 0 {
		t.Errorf("published %d, queued %d", s.Published, s.Queued)
	}
}

func TestDrainGivesUpWithItsContext(t *testing.T) {
	b := serve(t, router.Options{})
	c := brokertest.Connect(b, "c")
	subscribe(t, c, router.Subscription{Patterns: []string{"a"}})
	publish(t, c, "a", "nobody reads it")
	ctx, cancel := context.WithCancel(context.Background())
	flush(t, c)
	cancel()
	if err := c.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	if err := c.Flush(within(t)); !errors.Is(err, router.ErrClosed) {
		t.Errorf("afterwards: %v, want ErrClosed", err)
	}
}
