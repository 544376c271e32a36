package routertest

import (
	"context"
	"errors"
	"time"

	"github.com/daemoneye/eventbus/router"
)

// soon is the deadline of a call that can only end with its context.
const soon = 50 * time.Millisecond

var contexts = []testCase{
	{
		name: "every call ends with its context",
		rule: "behind a broker that has stopped, Publish, PublishConfirmed, Flush, Request, Subscribe, Respond, WindowPublisher and Drain return their context's error when it ends, also while another goroutine of the client waits for room",
		run: func(t *suite) {
			calls := []struct {
				name string
				call func(ctx context.Context, bus router.Bus) error
			}{
				{"Publish", func(ctx context.Context, bus router.Bus) error {
					for { // until no more is taken
						if err := bus.Publish(ctx, router.Outgoing{Topic: "demo.x", Payload: make([]byte, 4<<10)}); err != nil {
							return err
						}
					}
				}},
				{"PublishConfirmed", func(ctx context.Context, bus router.Bus) error {
					_, err := bus.PublishConfirmed(ctx, router.Outgoing{Topic: "demo.x"})
					return err
				}},
				{"Flush", func(ctx context.Context, bus router.Bus) error { return bus.Flush(ctx) }},
				{"Request", func(ctx context.Context, bus router.Bus) error {
					_, err := bus.Request(ctx, "demo.target", nil)
					return err
				}},
				{"Subscribe", func(ctx context.Context, bus router.Bus) error {
					_, err := bus.Subscribe(ctx, router.Subscription{Patterns: []string{"demo.x"}})
					return err
				}},
				{"Respond", func(ctx context.Context, bus router.Bus) error {
					_, err := bus.Respond(ctx, "demo.target", func(context.Context, *router.Request) ([]byte, error) { return nil, nil })
					return err
				}},
				{"WindowPublisher", func(ctx context.Context, bus router.Bus) error {
					_, err := bus.WindowPublisher(ctx, router.Outgoing{Topic: "demo.x"}, router.Window{})
					return err
				}},
				{"Drain", func(ctx context.Context, bus router.Bus) error { return bus.Drain(ctx) }},
			}
			buses := make([]router.Bus, len(calls))
			for i, c := range calls {
				buses[i] = t.dial(c.name)
			}
			resume := t.stall()
			floods := make(chan error, len(calls))
			for _, bus := range buses { // which fill what there is, and then wait without an end
				go func() {
					var err error
					for err == nil {
						err = bus.Publish(context.Background(), router.Outgoing{Topic: "demo.x", Payload: make([]byte, 4<<10)})
					}
					floods <- err
				}()
			}
			for i, c := range calls {
				ended := make(chan error, 1)
				go func() {
					ctx, cancel := context.WithTimeout(context.Background(), soon)
					defer cancel()
					ended <- c.call(ctx, buses[i])
				}()
				if err := receive(t, "the end of "+c.name, ended); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v, want DeadlineExceeded", c.name, err)
				}
			}
			resume()
			for i, bus := range buses {
				if err := bus.Close(); err != nil {
					t.Errorf("%s: Close: %v", calls[i].name, err)
				}
				t.is("a flood", receive(t, "the end of a flood", floods), router.ErrClosed)
			}
		},
	},
	{
		name: "a window publisher ends with its context",
		rule: "behind a broker that has stopped, Publish and Flush of a WindowPublisher return their context's error, whether the window is full, the way to the broker, or both",
		run: func(t *suite) {
			for _, w := range []router.Window{{Messages: 10}, {Messages: 1_000_000, Bytes: 1 << 30}} {
				bus := t.dial("bus")
				p := t.window(bus, "demo.x", w)
				t.subscribe(t.dial("subscriber"), router.Subscription{Patterns: []string{"demo.x"}})
				resume := t.stall()
				until := func(what string, call func(ctx context.Context) error) {
					t.Helper()
					ended := make(chan error, 1)
					go func() {
						ctx, cancel := context.WithTimeout(context.Background(), soon)
						defer cancel()
						ended <- call(ctx)
					}()
					if err := receive(t, "the end of "+what, ended); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("a window of %d messages: %s: %v, want DeadlineExceeded", w.Messages, what, err)
					}
				}
				payload := make([]byte, 4<<10)
				for range 2 {
					until("Publish", func(ctx context.Context) error {
						for {
							if err := p.Publish(ctx, payload); err != nil {
								return err
							}
						}
					})
					until("Flush", p.Flush)
				}
				resume()
				if err := bus.Close(); err != nil {
					t.Error(err)
				}
			}
		},
	},
	{
		name: "Close does not wait for a broker that has stopped",
		rule: "Close returns although the broker reads no more messages, and ends the calls that wait",
		run: func(t *suite) {
			bus := t.dial("bus")
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			looped := make(chan struct{})
			go func() {
				defer close(looped)
				for range s.Messages(context.Background()) {
				}
			}()
			resume := t.stall()
			closed := make(chan error, 1)
			go func() { closed <- bus.Close() }()
			if err := receive(t, "the end of Close", closed); err != nil {
				t.Error(err)
			}
			receive(t, "the end of the loop", looped)
			resume()
		},
	},
	{
		name: "Messages yields nothing after its context has ended",
		rule: "a loop over Messages ends with its context, whatever is queued; the queued messages wait for the next loop",
		run: func(t *suite) {
			bus := t.dial("bus")
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			t.publish(bus, "demo.x", numbers(0, 100)...)
			t.flush(bus)
			ctx, cancel := context.WithCancel(t.ctx())
			defer cancel()
			n := 0
			for range s.Messages(ctx) {
				if n++; n == 3 {
					cancel()
				}
			}
			if n != 3 {
				t.Errorf("%d messages are shown, of which three before the context ended", n)
			}
			t.expect(s, numbers(3, 100)...)
		},
	},
	{
		name: "a subscription and a responder outlive the context of the call",
		rule: "the context of Subscribe and Respond bounds the call, not what it starts",
		run: func(t *suite) {
			bus := t.dial("bus")
			ctx, cancel := context.WithCancel(t.ctx())
			defer cancel()
			s, err := bus.Subscribe(ctx, router.Subscription{Patterns: []string{"demo.x"}})
			if err != nil {
				t.Fatal(err)
			}
			r, err := bus.Respond(ctx, "demo.target", func(context.Context, *router.Request) ([]byte, error) { return []byte("answer"), nil })
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			t.publish(bus, "demo.x", "1")
			t.expect(s, "1")
			if reply, err := bus.Request(t.ctx(), "demo.target", nil); err != nil || string(reply.Payload) != "answer" {
				t.Errorf("%q, %v", reply.Payload, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		},
	},
	{
		name: "a subscription is drained by itself",
		rule: "Drain of a subscriber lets its loop take what is queued, but nothing that is published later; the bus stays open",
		run: func(t *suite) {
			bus := t.dial("bus")
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			other := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			t.publish(bus, "demo.x", numbers(0, 50)...)
			t.flush(bus)
			drained := make(chan error, 1)
			begun := make(chan struct{})
			var got []string
			go func() {
				<-begun
				for m := range s.Messages(t.ctx()) {
					got = append(got, string(m.Payload))
				}
				close(drained)
			}()
			go func() { close(begun) }()
			if err := s.Drain(t.ctx()); err != nil {
				t.Fatal(err)
			}
			receive(t, "the end of the loop", drained)
			t.publish(bus, "demo.x", "late")
			t.expect(other, append(numbers(0, 50), "late")...)
			if len(got) != 50 {
				t.Errorf("%d messages are shown, want 50", len(got))
			}
			if err := s.Err(); err != nil {
				t.Errorf("Err after Drain: %v", err)
			}
			if err := s.Drain(t.ctx()); err != nil {
				t.Errorf("Drain again: %v", err)
			}
		},
	},
	{
		name: "draining a subscription that is not read ends with the context",
		rule: "Drain of a subscriber returns its context's error if the program does not take what is queued, and the subscription is closed then",
		run: func(t *suite) {
			bus := t.dial("bus")
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			t.publish(bus, "demo.x", "1", "2")
			t.flush(bus)
			ctx, cancel := context.WithTimeout(context.Background(), soon)
			defer cancel()
			t.is("Drain", s.Drain(ctx), context.DeadlineExceeded)
			for m := range s.Messages(t.ctx()) {
				t.Errorf("%q is shown", m.Payload)
			}
		},
	},
	{
		name: "Push sends messages that wait for more",
		rule: "Push sends what was published before it, without waiting for the broker",
		run: func(t *suite) {
			a, b := t.dial("a"), t.dial("b")
			s := t.subscribe(b, router.Subscription{Patterns: []string{"demo.x"}})
			p := t.publisher(a, "demo.x")
			for _, text := range numbers(0, 20) {
				if err := p.Publish([]byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			if err := a.Push(); err != nil {
				t.Fatal(err)
			}
			t.expect(s, numbers(0, 20)...)
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			t.is("Push after Close", a.Push(), router.ErrClosed)
		},
	},
}
