package routertest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

func echo(_ context.Context, r *router.Request) ([]byte, error) {
	return append([]byte("re: "), r.Payload...), nil
}

// patient returns a handler that waits until its context ends or let is closed. It sends
// the context of each call on called.
func patient(let <-chan struct{}) (h router.Responder, called chan context.Context) {
	called = make(chan context.Context, 100)
	return func(ctx context.Context, _ *router.Request) ([]byte, error) {
		called <- ctx
		select {
		case <-let:
			return []byte("at last"), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, called
}

// ask sends a request from a goroutine.
func ask(ctx context.Context, bus router.Bus, target string) <-chan error {
	outcome := make(chan error, 1)
	go func() {
		_, err := bus.Request(ctx, target, nil)
		outcome <- err
	}()
	return outcome
}

var requesting = []testCase{
	{
		name: "a request is answered",
		rule: "Request returns what the target's responder returned; the responder gets the target and the payload; subscribers get neither",
		run: func(t *suite) {
			a, b := t.dial("a"), t.dial("b")
			s := t.subscribe(a, router.Subscription{Patterns: []string{"demo.#"}})
			t.respond(b, "demo.echo", func(ctx context.Context, r *router.Request) ([]byte, error) {
				if r.Target != "demo.echo" || r.Source == 0 {
					t.Errorf("target %q of source %d", r.Target, r.Source)
				}
				return echo(ctx, r)
			})
			for _, body := range []string{"hello", ""} {
				r, err := a.Request(t.ctx(), "demo.echo", []byte(body))
				if err != nil || string(r.Payload) != "re: "+body || r.Source == 0 {
					t.Errorf("%q of source %d: %v", r.Payload, r.Source, err)
				}
			}
			t.publish(a, "demo.x", "a message")
			t.expect(s, "a message")
		},
	},
	{
		name: "the identity of a requester",
		rule: "a responder can find out who sent a request, as long as that client is connected",
		run: func(t *suite) {
			sources := make(chan uint32, 1)
			b := t.dial("responder")
			t.respond(b, "demo.who", func(ctx context.Context, r *router.Request) ([]byte, error) {
				who, ok, err := router.IdentityOf(ctx, b, r.Source)
				if err != nil || !ok {
					return nil, errors.Join(err, errors.New("no identity"))
				}
				sources <- r.Source
				return []byte(who.Name), nil
			})
			a := t.dial("asker")
			if r, err := a.Request(t.ctx(), "demo.who", nil); err != nil || string(r.Payload) != "asker" {
				t.Fatalf("the responder gets the identity of %q: %v", r.Payload, err)
			}
			source := <-sources
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			for { // the broker may learn of that later
				who, ok, err := router.IdentityOf(t.ctx(), b, source)
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				if who.Name != "asker" {
					t.Fatalf("the source has become %q", who.Name)
				}
			}
			if _, err := b.Request(t.ctx(), router.IdentityTarget, []byte("x")); frame.CodeOf(err) != frame.CodeBody {
				t.Errorf("the identity of no number: %v, want %v", err, frame.CodeBody)
			}
		},
	},
	{
		name: "many requests at once",
		rule: "requests of one bus, and of several, are answered independently, each with its own answer",
		run: func(t *suite) {
			t.respond(t.dial("responder"), "demo.echo", echo)
			var all sync.WaitGroup
			for range 3 {
				bus := t.dial("asker")
				for _, body := range numbers(0, 30) {
					all.Go(func() {
						r, err := bus.Request(t.ctx(), "demo.echo", []byte(body))
						if err != nil || string(r.Payload) != "re: "+body {
							t.Errorf("%q: %q, %v", body, r.Payload, err)
						}
					})
				}
			}
			all.Wait()
		},
	},
	{
		name: "there is no responder",
		rule: "a request for a target without a responder fails at once with ErrNoResponder, even without a deadline; also when the responder has stopped",
		run: func(t *suite) {
			bus := t.dial("bus")
			_, err := bus.Request(t.ctx(), "demo.nobody", nil)
			t.is("Request", err, router.ErrNoResponder)
			serving := t.respond(bus, "demo.echo", echo)
			if _, err := bus.Request(t.ctx(), "demo.echo", nil); err != nil {
				t.Error(err)
			}
			for range 2 { // it may be closed again
				if err := serving.Close(); err != nil {
					t.Error(err)
				}
			}
			t.flush(bus)
			_, err = bus.Request(t.ctx(), "demo.echo", nil)
			t.is("after Close", err, router.ErrNoResponder)
			t.respond(bus, "demo.echo", echo)
			if _, err := bus.Request(t.ctx(), "demo.echo", nil); err != nil {
				t.Errorf("after another Respond: %v", err)
			}
		},
	},
	{
		name: "the responder goes away",
		rule: "when the responder's client disconnects, the requester gets an error at once",
		run: func(t *suite) {
			a, b := t.dial("a"), t.dial("b")
			h, called := patient(nil)
			t.respond(b, "demo.slow", h)
			outcome := ask(t.ctx(), a, "demo.slow")
			receive(t, "the request", called)
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			if err := receive(t, "the outcome", outcome); !errors.Is(err, router.ErrResponderDied) && !errors.Is(err, frame.ErrFailed) {
				t.Errorf("%v, want ErrResponderDied, or what the handler said of its context", err)
			}
			t.is("the next request", receive(t, "the outcome", ask(t.ctx(), a, "demo.slow")), router.ErrNoResponder)
		},
	},
	{
		name: "the requester gives up",
		rule: "when its context ends, Request returns the context's error, and the handler's context ends too",
		run: func(t *suite) {
			a, b := t.dial("a"), t.dial("b")
			h, called := patient(nil)
			t.respond(b, "demo.slow", h)
			ctx, cancel := context.WithCancel(t.ctx())
			outcome := ask(ctx, a, "demo.slow")
			handler := receive(t, "the request", called)
			cancel()
			t.is("Request", receive(t, "the outcome", outcome), context.Canceled)
			receive(t, "the end of the handler's context", handler.Done())
			_, err := a.Request(ctx, "demo.slow", nil)
			t.is("with a context that has ended", err, context.Canceled)
		},
	},
	{
		name: "the requester goes away",
		rule: "when the requester's client disconnects, the handler's context ends",
		run: func(t *suite) {
			a, b := t.dial("a"), t.dial("b")
			h, called := patient(nil)
			t.respond(b, "demo.slow", h)
			outcome := ask(t.ctx(), a, "demo.slow")
			handler := receive(t, "the request", called)
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			t.is("Request", receive(t, "the outcome", outcome), router.ErrClosed)
			receive(t, "the end of the handler's context", handler.Done())
		},
	},
	{
		name: "the deadline passes",
		rule: "a request's deadline is sent with it and ends the handler's context; Request returns context.DeadlineExceeded",
		run: func(t *suite) {
			a, b := t.dial("a"), t.dial("b")
			h, called := patient(nil)
			t.respond(b, "demo.slow", h)
			ctx, cancel := context.WithTimeout(t.ctx(), 30*time.Millisecond)
			defer cancel()
			_, err := a.Request(ctx, "demo.slow", nil)
			t.is("Request", err, context.DeadlineExceeded)
			select {
			case handler := <-called:
				if _, ok := handler.Deadline(); !ok {
					t.Errorf("the handler's context has no deadline")
				}
				receive(t, "the end of the handler's context", handler.Done())
			default: // it passed before the request was there
			}
		},
	},
	{
		name: "a handler fails",
		rule: "an error of the handler reaches the requester as *Fault, with the handler's code if it chose one; a panic is such an error too, and has no other effect",
		run: func(t *suite) {
			a, b := t.dial("a"), t.dial("b")
			t.respond(b, "demo.fails", func(_ context.Context, r *router.Request) ([]byte, error) {
				switch string(r.Payload) {
				case "plain":
					return nil, errors.New("not today")
				case "coded":
					return nil, &router.Fault{Code: 2000, Text: "bad config"}
				case "panic":
					panic("at the disco")
				}
				return nil, nil
			})
			for body, want := range map[string]router.Fault{
				"plain": {Code: frame.CodeFailed, Text: "not today"},
				"coded": {Code: 2000, Text: "bad config"},
				"panic": {Code: frame.CodeFailed, Text: "responder panicked: at the disco"},
			} {
				_, err := a.Request(t.ctx(), "demo.fails", []byte(body))
				t.is(body, err, frame.ErrFailed)
				var re *router.Fault
				if !errors.As(err, &re) || *re != want {
					t.Errorf("%s: %v, want %v", body, re, want)
				}
			}
			if _, err := a.Request(t.ctx(), "demo.fails", nil); err != nil {
				t.Errorf("after the panic: %v", err)
			}
		},
	},
	{
		name:    "open requests are limited",
		rule:    "a client has at most max_requests requests open; one more fails at once with a LimitError, without an effect on the others",
		options: router.Options{MaxRequests: 2},
		run: func(t *suite) {
			a, b := t.dial("a"), t.dial("b")
			let := make(chan struct{})
			h, called := patient(let)
			t.respond(b, "demo.slow", h)
			first, second := ask(t.ctx(), a, "demo.slow"), ask(t.ctx(), a, "demo.slow")
			receive(t, "the first request", called)
			receive(t, "the second request", called)
			_, err := a.Request(t.ctx(), "demo.slow", nil)
			if limit := new(router.LimitError); !errors.As(err, &limit) || *limit != (router.LimitError{Limit: "max_requests", Max: 2, Got: 3}) {
				t.Errorf("the third: %v, want a LimitError", err)
			}
			close(let)
			for _, o := range []<-chan error{first, second} {
				if err := receive(t, "an answer", o); err != nil {
					t.Error(err)
				}
			}
		},
	},
	{
		name: "a bad request is refused at once",
		rule: "a target that is not a topic, and a body beyond the limit, are errors of the call",
		run: func(t *suite) {
			bus := t.dial("bus")
			_, err := bus.Request(t.ctx(), "demo.#", nil)
			t.is("a bad target", err, frame.ErrTopic)
			_, err = bus.Request(t.ctx(), "demo.x", make([]byte, 1<<20))
			t.is("a large body", err, frame.ErrLimit)
			_, err = bus.Respond(t.ctx(), "demo.#", echo)
			t.is("a bad target to respond to", err, router.ErrPattern)
			_, err = bus.Respond(t.ctx(), "system.stats", echo)
			t.is("a target of the broker's", err, router.ErrReserved)
		},
	},
}
