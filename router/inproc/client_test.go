package inproc_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/inproc"
	"github.com/daemoneye/eventbus/router/internal/brokertest"
)

func TestAClientMayBeginBeforeTheBroker(t *testing.T) {
	b, run := brokertest.New(t, router.Options{})
	c := brokertest.Connect(b, "c")
	retain(t, c, "a", "early")
	asked := make(chan router.Subscriber)
	go func() {
		s, err := c.Subscribe(context.Background(), router.Subscription{Patterns: []string{"a"}, Retained: true})
		if err != nil {
			t.Error(err)
		}
		asked <- s
	}()
	stop := run()
	if diff := cmp.Diff([]string{"0 early"}, read(t, brokertest.Wait(t, asked), 1)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	c.Close()
	stop()
}

func TestAClientMayEndBeforeTheBrokerBegins(t *testing.T) {
	b, run := brokertest.New(t, router.Options{})
	c := brokertest.Connect(b, "c")
	retain(t, c, "a", "of one that has gone")
	flushed := make(chan error, 1)
	go func() { flushed <- c.Flush(context.Background()) }()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := brokertest.Wait(t, flushed); !errors.Is(err, router.ErrClosed) {
		t.Errorf("Flush: %v, want ErrClosed", err)
	}
	stop := run()
	d := brokertest.Connect(b, "d")
	s := subscribe(t, d, router.Subscription{Patterns: []string{"a"}, Retained: true})
	if diff := cmp.Diff([]string{"0 of one that has gone"}, read(t, s, 1)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	d.Close()
	stop()
}

func TestAPublisherWaitsForTheRoutingThreadOnly(t *testing.T) {
	for name, tc := range map[string]struct{ size, fit int }{
		"by number": {0, inproc.RingLength},
		"by bytes":  {100 << 10, inproc.RingBytes / (100 << 10)},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { publishAhead(t, tc.size, tc.fit) }) })
	}
}

// publishAhead publishes until the client waits, before the broker runs; that
// must be after fit messages.
func publishAhead(t *testing.T, size, fit int) {
	b, run := brokertest.New(t, router.Options{})
	c := brokertest.Connect(b, "c")
	var published atomic.Int64
	ended := make(chan error, 1)
	go func() {
		p := publisher(t, c, "a")
		for {
			if err := p.Publish(make([]byte, size)); err != nil {
				ended <- err
				return
			}
			if published.Add(1) == int64(3*fit) {
				ended <- nil
				return
			}
		}
	}()
	synctest.Wait()
	if n := published.Load(); n != int64(fit) {
		t.Errorf("%d messages are on their way, want %d", n, fit)
	}
	stop := run()
	if err := brokertest.Wait(t, ended); err != nil {
		t.Error(err)
	}
	c.Close()
	stop()
}

func TestTheBrokersEndUnblocksAPublisherThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, run := brokertest.New(t, router.Options{})
		c := brokertest.Connect(b, "c")
		ended := make(chan error, 1)
		go func() {
			for {
				if err := c.Publish(context.Background(), router.Outgoing{Topic: "a"}); err != nil {
					ended <- err
					return
				}
			}
		}()
		synctest.Wait() // it waits until there is room
		run()()
		if err := brokertest.Wait(t, ended); !errors.Is(err, router.ErrClosed) {
			t.Errorf("%v, want ErrClosed", err)
		}
		c.Close()
	})
}

func TestCloseUnblocksAPublisherThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, run := brokertest.New(t, router.Options{})
		c := brokertest.Connect(b, "c")
		publish(t, c, "a", numbers(0, inproc.RingLength)...)
		ended := make(chan error, 2)
		one := func() { ended <- c.Publish(context.Background(), router.Outgoing{Topic: "a"}) }
		go one()
		synctest.Wait() // it waits until there is room
		select {
		case err := <-ended:
			t.Errorf("it does not wait: %v", err)
		default:
		}
		go one() // this one waits for the other, or comes after Close
		c.Close()
		for range 2 {
			if err := brokertest.Wait(t, ended); !errors.Is(err, router.ErrClosed) {
				t.Errorf("%v, want ErrClosed", err)
			}
		}
		run()()
	})
}

func TestTheWaitForRoomEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, run := brokertest.New(t, router.Options{})
		c := brokertest.Connect(b, "c")
		stop := run()
		if _, err := c.Request(t.Context(), "nobody", nil); !errors.Is(err, router.ErrNoResponder) {
			t.Error(err)
		}
		let := make(chan struct{})
		b.Post(func() { <-let })
		synctest.Wait() // nothing is taken from here on
		publish(t, c, "a", numbers(0, inproc.RingLength)...)
		ended := make(chan error, 1)
		for name, f := range map[string]func(context.Context) error{
			"publish": func(ctx context.Context) error { return c.Publish(ctx, router.Outgoing{Topic: "a"}) },
			"request": func(ctx context.Context) error { _, err := c.Request(ctx, "nobody", nil); return err },
		} {
			ctx, cancel := context.WithCancel(t.Context())
			go func() { ended <- f(ctx) }()
			synctest.Wait() // it waits until there is room
			cancel()
			synctest.Wait()
			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%s: %v, want context.Canceled", name, err)
				}
			default:
				t.Errorf("%s waits on", name)
			}
		}
		close(let)
		c.Close()
		stop()
	})
}

// The routing thread runs the calls of a client whose publishers flood it, because it does
// not wait for a lock that they hold.
func TestAFloodDoesNotKeepAClientFromSubscribing(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	stop := make(chan struct{})
	var floods sync.WaitGroup
	for range 2 {
		floods.Go(func() {
			p, err := c.Publisher("a")
			if err != nil {
				t.Error(err)
			}
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := p.Publish(make([]byte, 100)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 200 {
		s := subscribe(t, c, router.Subscription{Patterns: []string{"a"}, Queue: 10})
		read(t, s, 1)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	floods.Wait()
	stats(t, b)
}

func TestFlushMeansRouted(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	for i := range 500 {
		publish(t, c, "a", "x", "y", "z")
		flush(t, c)
		if n := stats(t, b).Published; n != uint64(3*(i+1)) {
			t.Fatalf("%d messages are routed, want %d", n, 3*(i+1))
		}
	}
}

// Closing a subscription comes after what its client published before, even where
// the routing thread has visited the client's ring already in this turn.
func TestCloseComesAfterWhatWasPublishedBefore(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	held, release := make(chan struct{}), make(chan struct{})
	holder := inproc.New(b, router.Identity{Name: "holder"}, func(router.Op, string) error {
		held <- struct{}{}
		<-release
		return nil
	})
	t.Cleanup(func() { holder.Close() })
	const rounds = 4 // each client is first in every other turn
	for i := range rounds {
		s := subscribe(t, c, router.Subscription{Patterns: []string{"a"}})
		publish(t, holder, fmt.Sprint("hold.", i), "x") // policy is asked once for each topic
		brokertest.Wait(t, held)
		publish(t, c, "a", "x")
		closed := make(chan struct{})
		go func() { s.Close(); close(closed) }()
		for b.Calls().Len() == 0 {
			runtime.Gosched()
		}
		release <- struct{}{}
		brokertest.Wait(t, closed)
	}
	if s := stats(t, b); s.Matched != rounds {
		t.Errorf("matched %d of %d", s.Matched, rounds)
	}
}

func TestACancelledSubscribeLeavesNoSubscription(t *testing.T) {
	b, run := brokertest.New(t, router.Options{})
	c := brokertest.Connect(b, "c")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Subscribe(ctx, router.Subscription{Patterns: []string{"a"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	stop := run()
	flush(t, c)
	if n := len(stats(t, b).Subscriptions); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
	c.Close()
	stop()
}
