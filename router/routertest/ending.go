package routertest

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/daemoneye/eventbus/router"
)

var ending = []testCase{
	{
		name: "a subscription ends by Close",
		rule: "Close of a subscriber ends its loop and may be called again; it yields no message after that, and other subscribers of the same bus go on",
		run: func(t *suite) {
			bus := t.dial("bus")
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			other := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			looped := make(chan int, 1)
			inside := make(chan struct{}, 100)
			go func() {
				n := 0
				for range s.Messages(t.ctx()) {
					n++
					inside <- struct{}{}
				}
				looped <- n
			}()
			t.publish(bus, "demo.x", "1")
			receive(t, "the message", inside)
			for range 2 {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if n := receive(t, "the end of the loop", looped); n != 1 {
				t.Errorf("%d messages are shown, want 1", n)
			}
			t.publish(bus, "demo.x", "2")
			t.expect(other, "1", "2")
			for m := range s.Messages(t.ctx()) {
				t.Errorf("after Close %q is shown", m.Payload)
			}
			if err := s.Err(); err != nil {
				t.Errorf("Err after Close: %v", err)
			}
		},
	},
	{
		name: "a handler may end its own subscription",
		rule: "a handler may call Close of its own subscriber, and is then not called again",
		run: func(t *suite) {
			bus, other := t.dial("bus"), t.dial("other")
			var calls atomic.Int32
			given := make(chan router.Subscriber, 1)
			closed := make(chan error, 1)
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}, Handler: func(*router.Message) {
				if calls.Add(1) == 1 {
					closed <- (<-given).Close()
				}
			}})
			given <- s
			watch := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			t.publish(other, "demo.x", numbers(0, 100)...)
			if err := receive(t, "the end of Close", closed); err != nil {
				t.Error(err)
			}
			t.publish(other, "demo.x", "100")
			t.expect(watch, numbers(0, 101)...)
			if err := bus.Close(); err != nil { // waits for handlers
				t.Error(err)
			}
			if n := calls.Load(); n != 1 {
				t.Errorf("the handler is called %d times", n)
			}
		},
	},
	{
		name: "drain lets everything finish",
		rule: "Drain lets handlers and loops take what is queued for them, waits until open requests are answered, sends what was published, and then closes the bus",
		run: func(t *suite) {
			bus, other := t.dial("bus"), t.dial("other")
			watch := t.subscribe(other, router.Subscription{Patterns: []string{"demo.last"}})
			var handled atomic.Int32
			t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}, Handler: func(*router.Message) { handled.Add(1) }})
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			looped := make(chan int, 1)
			go func() {
				n := 0
				for range s.Messages(t.ctx()) {
					n++
				}
				looped <- n
			}()
			let := make(chan struct{})
			h, called := patient(let)
			t.respond(bus, "demo.slow", h)
			outcome := ask(t.ctx(), other, "demo.slow")
			receive(t, "the request", called)
			t.publish(other, "demo.x", numbers(0, 500)...)
			t.flush(other)
			t.publish(bus, "demo.last", "words")
			drained := make(chan error, 1)
			go func() { drained <- bus.Drain(t.ctx()) }()
			close(let)
			if err := receive(t, "the end of Drain", drained); err != nil {
				t.Errorf("Drain: %v", err)
			}
			if n := handled.Load(); n != 500 {
				t.Errorf("the handler saw %d of 500 messages", n)
			}
			if n := receive(t, "the end of the loop", looped); n != 500 {
				t.Errorf("the loop saw %d of 500 messages", n)
			}
			if err := receive(t, "the answer", outcome); err != nil {
				t.Errorf("the request: %v", err)
			}
			t.expect(watch, "words")
			t.is("Flush after Drain", bus.Flush(t.ctx()), router.ErrClosed)
		},
	},
	{
		name: "drain lets open requests end",
		rule: "a request that waits for its reply when Drain is called gets the reply; its responder may be a subscription of the same bus",
		run: func(t *suite) {
			bus, alone, other := t.dial("bus"), t.dial("alone"), t.dial("other")
			let := make(chan struct{})
			h, called := patient(let)
			t.respond(other, "demo.slow", h)
			t.respond(alone, "demo.own", h)
			outcomes := []<-chan error{ask(t.ctx(), bus, "demo.slow"), ask(t.ctx(), alone, "demo.own")}
			receive(t, "a request", called)
			receive(t, "the other request", called)
			drained := make(chan error, 2)
			for _, b := range []router.Bus{bus, alone} {
				go func() { drained <- b.Drain(t.ctx()) }()
			}
			t.flush(other)
			close(let)
			for _, outcome := range outcomes {
				if err := receive(t, "the reply", outcome); err != nil {
					t.Error(err)
				}
				if err := receive(t, "the end of Drain", drained); err != nil {
					t.Errorf("Drain: %v", err)
				}
			}
		},
	},
	{
		name: "drain gives up with its context",
		rule: "when its context has ended, Drain closes at once and returns the context's error",
		run: func(t *suite) {
			bus := t.dial("bus")
			t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}}) // not read
			t.publish(bus, "demo.x", "1")
			t.flush(bus)
			ctx, cancel := context.WithCancel(t.ctx())
			cancel()
			t.is("Drain", bus.Drain(ctx), context.Canceled)
			t.is("Flush after Drain", bus.Flush(t.ctx()), router.ErrClosed)
		},
	},
	{
		name: "close unblocks everything",
		rule: "Close ends loops and blocked calls, the latter with ErrClosed; it may be called again, by several goroutines",
		run: func(t *suite) {
			bus, other := t.dial("bus"), t.dial("other")
			h, called := patient(nil)
			t.respond(other, "demo.slow", h)
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			looped := make(chan struct{})
			go func() {
				for range s.Messages(t.ctx()) {
				}
				close(looped)
			}()
			outcome := ask(t.ctx(), bus, "demo.slow")
			receive(t, "the request", called)
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					if err := bus.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
			}
			all.Wait()
			receive(t, "the end of the loop", looped)
			t.is("the request", receive(t, "its outcome", outcome), router.ErrClosed)
		},
	},
	{
		name: "close sends what was published",
		rule: "what was published before Close is routed",
		run: func(t *suite) {
			s := t.subscribe(t.dial("other"), router.Subscription{Patterns: []string{"demo.x"}})
			for round := range 6 {
				bus := t.dial("bus")
				if round%2 == 1 { // it also gets the messages, and does not read them
					t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
				}
				t.publish(bus, "demo.x", numbers(100*round, 100*round+100)...)
				if err := bus.Close(); err != nil {
					t.Fatal(err)
				}
				t.expect(s, numbers(100*round, 100*round+100)...)
			}
		},
	},
	{
		name: "close sends what was published, to its own subscriptions too",
		rule: "what was published before Close is routed, even if the bus subscribes to it and no longer reads",
		run: func(t *suite) {
			s := t.subscribe(t.dial("other"), router.Subscription{Patterns: []string{"demo.x"}})
			for round := range 5 {
				bus := t.dial("bus")
				t.subscribe(bus, router.Subscription{Patterns: []string{"demo.#"}})
				// On another topic, and so many that some have not been routed when Close is called.
				for range 2000 {
					t.publish(bus, "demo.many", string(make([]byte, 500)))
				}
				t.publish(bus, "demo.x", numbers(100*round, 100*round+100)...)
				if err := bus.Close(); err != nil {
					t.Fatal(err)
				}
				t.expect(s, numbers(100*round, 100*round+100)...)
			}
		},
	},
	{
		name: "close waits for handlers",
		rule: "when Close returns, no handler of the bus is running, and none will be called",
		run: func(t *suite) {
			bus, other := t.dial("bus"), t.dial("other")
			inside := make(chan struct{}, 1000)
			var running atomic.Int32
			t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}, Handler: func(*router.Message) {
				running.Add(1)
				inside <- struct{}{}
				for bus.Publish(context.Background(), router.Outgoing{Topic: "demo.y"}) == nil { // until Close has begun
					runtime.Gosched()
				}
				running.Add(-1)
			}})
			t.publish(other, "demo.x", numbers(0, 100)...)
			t.flush(other)
			receive(t, "the first call", inside)
			closed := make(chan error, 1)
			go func() {
				err := bus.Close()
				if n := running.Load(); n != 0 {
					t.Errorf("Close returns while a handler runs")
				}
				closed <- err
			}()
			if err := receive(t, "the end of Close", closed); err != nil {
				t.Error(err)
			}
			n := len(inside)
			watch := t.subscribe(other, router.Subscription{Patterns: []string{"demo.x"}})
			t.publish(other, "demo.x", numbers(0, 100)...)
			t.expect(watch, numbers(0, 100)...)
			if len(inside) != n {
				t.Errorf("a handler is called after Close")
			}
		},
	},
	{
		name: "after close everything is ErrClosed",
		rule: "every method of a closed bus and of its publishers fails with ErrClosed, except Close",
		run: func(t *suite) {
			bus := t.dial("bus")
			p := t.publisher(bus, "demo.x")
			if err := bus.Close(); err != nil {
				t.Fatal(err)
			}
			t.is("Publisher.Publish", p.Publish(nil), router.ErrClosed)
			t.is("Publish", bus.Publish(t.ctx(), router.Outgoing{Topic: "demo.x"}), router.ErrClosed)
			t.is("Flush", bus.Flush(t.ctx()), router.ErrClosed)
			_, err := bus.PublishConfirmed(t.ctx(), router.Outgoing{Topic: "demo.x"})
			t.is("PublishConfirmed", err, router.ErrClosed)
			_, err = bus.Subscribe(t.ctx(), router.Subscription{Patterns: []string{"demo.x"}})
			t.is("Subscribe", err, router.ErrClosed)
			_, err = bus.Request(t.ctx(), "demo.x", nil)
			t.is("Request", err, router.ErrClosed)
			_, err = bus.Respond(t.ctx(), "demo.x", echo)
			t.is("Respond", err, router.ErrClosed)
			t.is("Drain", bus.Drain(t.ctx()), router.ErrClosed)
			if err := bus.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		},
	},
	{
		name: "clients are independent",
		rule: "the end of one client does not affect another",
		run: func(t *suite) {
			a, b, c := t.dial("a"), t.dial("b"), t.dial("c")
			s := t.subscribe(a, router.Subscription{Patterns: []string{"demo.x"}})
			t.subscribe(b, router.Subscription{Patterns: []string{"demo.x"}})
			t.publish(c, "demo.x", "1")
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			t.publish(c, "demo.x", "2")
			t.expect(s, "1", "2")
		},
	},
}
