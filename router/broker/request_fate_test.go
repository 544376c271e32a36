package broker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
)

func TestTheRequesterGivesUp(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	slow := newBlocker()
	defer close(slow.let)
	respond(t, c, "slow", slow.handle)
	ctx, cancel := context.WithCancel(context.Background())
	outcome := ask(ctx, c, "slow")
	handler := wait(t, slow.called)
	cancel()
	if err := wait(t, outcome); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	wait(t, handler.Done())
	if n := balanced(t, b).OpenRequests; n != 0 {
		t.Errorf("%d requests are open", n)
	}
}

func TestTheRequesterGoesAway(t *testing.T) {
	b := serve(t, router.Options{})
	c, d := client(t, b, "c"), client(t, b, "d")
	slow := newBlocker()
	defer close(slow.let)
	respond(t, d, "slow", slow.handle)
	outcome := ask(context.Background(), c, "slow")
	handler := wait(t, slow.called)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := wait(t, outcome); !errors.Is(err, router.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	wait(t, handler.Done())
}

func TestTheResponderGoesAway(t *testing.T) {
	for name, leave := range map[string]func(d *broker.LocalClient, serving router.Closer) error{
		"its client closes":   func(d *broker.LocalClient, _ router.Closer) error { return d.Close() },
		"it stops responding": func(_ *broker.LocalClient, serving router.Closer) error { return serving.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			b := serve(t, router.Options{})
			c, d := client(t, b, "c"), client(t, b, "d")
			slow := newBlocker()
			serving := respond(t, d, "slow", slow.handle)
			// More than run at once: some wait in the queue.
			const n = router.MaxConcurrentRequests + 10
			var outcomes []<-chan error
			for range n {
				outcomes = append(outcomes, ask(context.Background(), c, "slow"))
			}
			for range router.MaxConcurrentRequests {
				wait(t, slow.called)
			}
			for int(balanced(t, b).OpenRequests) < n { // each turn of the routing thread takes more of them in
				flush(t, c)
			}
			if err := leave(d, serving); err != nil {
				t.Error(err)
			}
			for _, o := range outcomes {
				if err := wait(t, o); !errors.Is(err, router.ErrResponderDied) && !errors.Is(err, frame.ErrFailed) {
					t.Fatalf("%v, want ErrResponderDied, or what the handler said of its context", err)
				}
			}
			if n := balanced(t, b).OpenRequests; n != 0 {
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
		<-let // it has not heard, and goes on
		return []byte("late"), nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	outcome := ask(ctx, c, "stubborn")
	wait(t, called)
	cancel()
	wait(t, outcome)
	flush(t, c)
	close(let)
	wait(t, done)
	// The answer is sent after the handler returned.
	for ctx := within(t); balanced(t, b).LateReplies == 0; flush(t, c) {
		if ctx.Err() != nil {
			t.Fatal("it is never counted")
		}
	}
}

func TestTheDeadlineTravelsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := serveUntil(t, router.Options{})
		c, d := b.Client("c"), b.Client("d")
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

// A deadline that is far off is not cut short.
func TestALongDeadlineIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := serveUntil(t, router.Options{})
		c, d := b.Client("c"), b.Client("d")
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

// A request without a deadline ends all the same; both sides are told.
func TestARequestIsNotOpenForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := serveUntil(t, router.Options{})
		c, d := b.Client("c"), b.Client("d")
		slow := newBlocker()
		respond(t, d, "slow", slow.handle)
		outcome := ask(context.Background(), c, "slow")
		handler := <-slow.called
		<-handler.Done()
		synctest.Wait()
		if s := balanced(t, b); s.OpenRequests != 0 || s.Uptime < 5*time.Minute || s.Uptime > 6*time.Minute {
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
	c, d := b.Client("c"), b.Client("d")
	slow := newBlocker()
	respond(t, d, "slow", slow.handle)
	outcome := ask(context.Background(), c, "slow")
	wait(t, slow.called)
	stop()
	if err := wait(t, outcome); !errors.Is(err, router.ErrClosed) && !errors.Is(err, router.ErrResponderDied) {
		t.Errorf("%v, want ErrClosed or ErrResponderDied: one of both ends first", err)
	}
	if _, err := c.Request(context.Background(), "slow", nil); !errors.Is(err, router.ErrClosed) {
		t.Errorf("afterwards: %v, want ErrClosed", err)
	}
	close(slow.let)
	c.Close()
	d.Close()
}
