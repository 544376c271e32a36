package broker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/inproc"
	"github.com/daemoneye/eventbus/router/internal/brokertest"
)

func TestTheRequesterGivesUp(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	slow := brokertest.NewBlocker()
	defer close(slow.Let)
	respond(t, c, "slow", slow.Handle)
	ctx, cancel := context.WithCancel(context.Background())
	outcome := ask(ctx, c, "slow")
	handler := brokertest.Wait(t, slow.Called)
	cancel()
	if err := brokertest.Wait(t, outcome); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	brokertest.Wait(t, handler.Done())
	if n := stats(t, b).OpenRequests; n != 0 {
		t.Errorf("%d requests are open", n)
	}
}

func TestTheRequesterGoesAway(t *testing.T) {
	b := serve(t, router.Options{})
	c, d := client(t, b, "c"), client(t, b, "d")
	slow := brokertest.NewBlocker()
	defer close(slow.Let)
	respond(t, d, "slow", slow.Handle)
	outcome := ask(context.Background(), c, "slow")
	handler := brokertest.Wait(t, slow.Called)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := brokertest.Wait(t, outcome); !errors.Is(err, router.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	brokertest.Wait(t, handler.Done())
}

func TestTheResponderGoesAway(t *testing.T) {
	for name, leave := range map[string]func(d *inproc.Client, serving router.Closer) error{
		"its client closes":   func(d *inproc.Client, _ router.Closer) error { return d.Close() },
		"it stops responding": func(_ *inproc.Client, serving router.Closer) error { return serving.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			b := serve(t, router.Options{})
			c, d := client(t, b, "c"), client(t, b, "d")
			slow := brokertest.NewBlocker()
			serving := respond(t, d, "slow", slow.Handle)
			// More than run at once: some wait in the queue.
			const n = router.MaxConcurrentRequests + 10
			var outcomes []<-chan error
			for range n {
				outcomes = append(outcomes, ask(context.Background(), c, "slow"))
			}
			for range router.MaxConcurrentRequests {
				brokertest.Wait(t, slow.Called)
			}
			for int(stats(t, b).OpenRequests) < n { // each turn of the routing thread takes more of them in
				flush(t, c)
			}
			if err := leave(d, serving); err != nil {
				t.Error(err)
			}
			for _, o := range outcomes {
				if err := brokertest.Wait(t, o); !errors.Is(err, router.ErrResponderDied) && !errors.Is(err, frame.ErrFailed) {
					t.Fatalf("%v, want ErrResponderDied, or the error that the handler returned for its context", err)
				}
			}
			if n := stats(t, b).OpenRequests; n != 0 {
				t.Errorf("%d requests are open", n)
			}
		})
	}
}

func TestAnAnswerThatComesTooLateIsCounted(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	called, let, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	respond(t, c, "stubborn", func(ctx context.Context, _ *router.Request) ([]byte, error) {
		defer close(done)
		close(called)
		<-ctx.Done()
		<-let // it does not watch its context, and goes on
		return []byte("late"), nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	outcome := ask(ctx, c, "stubborn")
	brokertest.Wait(t, called)
	cancel()
	brokertest.Wait(t, outcome)
	flush(t, c)
	close(let)
	brokertest.Wait(t, done)
	// The answer is sent after the handler returned.
	for ctx := within(t); stats(t, b).LateReplies == 0; flush(t, c) {
		if ctx.Err() != nil {
			t.Fatal("it is never counted")
		}
	}
}

func TestTheDeadlineTravelsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := serveUntil(t, router.Options{})
		c, d := brokertest.Connect(b, "c"), brokertest.Connect(b, "d")
		left := make(chan time.Duration, 1)
		respond(t, d, "slow", func(ctx context.Context, _ *router.Request) ([]byte, error) {
			deadline, _ := ctx.Deadline()
			left <- time.Until(deadline)
			<-ctx.Done()
			return nil, ctx.Err()
		})
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		_, err := c.Request(ctx, "slow", nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want context.DeadlineExceeded", err)
		}
		if d := <-left; d != 3*time.Second {
			t.Errorf("the handler has %v, want 3s", d)
		}
		c.Close()
		d.Close()
		stop()
	})
}

// A request with a long deadline does not expire before it.
func TestALongDeadlineIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := serveUntil(t, router.Options{})
		c, d := brokertest.Connect(b, "c"), brokertest.Connect(b, "d")
		respond(t, d, "slow", func(ctx context.Context, _ *router.Request) ([]byte, error) {
			select {
			case <-time.After(time.Hour):
				return []byte("at last"), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Hour)
		defer cancel()
		if r, err := c.Request(ctx, "slow", nil); err != nil || string(r.Payload) != "at last" {
			t.Errorf("%q, %v", r.Payload, err)
		}
		c.Close()
		d.Close()
		stop()
	})
}

// A request without a deadline expires: the requester gets an error, the responder a cancel.
func TestARequestIsNotOpenForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := serveUntil(t, router.Options{})
		c, d := brokertest.Connect(b, "c"), brokertest.Connect(b, "d")
		slow := brokertest.NewBlocker()
		respond(t, d, "slow", slow.Handle)
		outcome := ask(context.Background(), c, "slow")
		handler := <-slow.Called
		<-handler.Done()
		synctest.Wait()
		if s := stats(t, b); s.OpenRequests != 0 || s.Uptime < 5*time.Minute || s.Uptime > 6*time.Minute {
			t.Errorf("%d requests are open after %v", s.OpenRequests, s.Uptime)
		}
		if err := <-outcome; !errors.Is(err, frame.ErrDeadline) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want ErrDeadline", err)
		}
		c.Close()
		d.Close()
		stop()
	})
}

func TestTheBrokerEnds(t *testing.T) {
	b, stop := serveUntil(t, router.Options{})
	c, d := brokertest.Connect(b, "c"), brokertest.Connect(b, "d")
	slow := brokertest.NewBlocker()
	respond(t, d, "slow", slow.Handle)
	outcome := ask(context.Background(), c, "slow")
	brokertest.Wait(t, slow.Called)
	stop()
	if err := brokertest.Wait(t, outcome); !errors.Is(err, router.ErrClosed) && !errors.Is(err, router.ErrResponderDied) {
		t.Errorf("%v, want ErrClosed or ErrResponderDied: one of both ends first", err)
	}
	if _, err := c.Request(context.Background(), "slow", nil); !errors.Is(err, router.ErrClosed) {
		t.Errorf("afterwards: %v, want ErrClosed", err)
	}
	close(slow.Let)
	c.Close()
	d.Close()
}
