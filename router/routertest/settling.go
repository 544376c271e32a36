package routertest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

func (t *suite) window(bus router.Bus, topic string, w router.Window) router.WindowPublisher {
	t.Helper()
	p, err := bus.WindowPublisher(t.ctx(), router.Outgoing{Topic: topic}, w)
	if err != nil {
		t.Fatalf("WindowPublisher on %s: %v", topic, err)
	}
	return p
}

// send publishes the payloads, without a loss.
func (t *suite) send(p router.WindowPublisher, payloads ...string) {
	t.Helper()
	for _, payload := range payloads {
		if err := p.Publish(t.ctx(), []byte(payload)); err != nil {
			t.Fatalf("Publish of %s: %v", payload, err)
		}
	}
}

// fill publishes until the window is full, and returns how many messages that were.
func (t *suite) fill(p router.WindowPublisher, most int) (n int) {
	t.Helper()
	ended, cancel := context.WithCancel(t.ctx())
	cancel()
	for ; n <= most; n++ {
		err := p.Publish(ended, []byte(numbers(n, n+1)[0]))
		if errors.Is(err, context.Canceled) {
			return n
		}
		if err != nil {
			t.Fatalf("message %d: %v", n, err)
		}
	}
	t.Fatalf("%d messages were published without a wait", n)
	return n
}

// settled checks that all was taken.
func (t *suite) settled(p router.WindowPublisher) {
	t.Helper()
	if err := p.Flush(t.ctx()); err != nil {
		t.Fatalf("Flush of a window publisher: %v", err)
	}
}

// lossUntil publishes the payload and waits until it was taken. It returns how many
// messages were reported as lost until then.
func (t *suite) lossUntil(p router.WindowPublisher, payload string) (lost uint64) {
	t.Helper()
	published := false
	for {
		var err error
		if !published {
			err = p.Publish(t.ctx(), []byte(payload))
			published = err == nil
		}
		if published {
			err = p.Flush(t.ctx())
		}
		var loss *router.LossError
		switch {
		case err == nil:
			return lost
		case !errors.As(err, &loss) || loss.Left != 0 || loss.Unknown != 0:
			t.Fatalf("a window publisher: %v, want a number of lost messages", err)
		}
		lost += loss.Lost
	}
}

var settling = []testCase{
	{
		name: "a window publisher loses nothing",
		rule: "whatever the queues hold and however the programs take it, all that a WindowPublisher has published arrives at each subscription, and none gets a gap; Flush returns when each has taken it",
		run: func(t *suite) {
			const n = 4000
			bus := t.dial("publisher")
			var taken [4]atomic.Uint64
			for i, spec := range []router.Subscription{
				{Queue: 8}, {Queue: 16, Overflow: router.DropNewest}, {}, {Queue: 300, Overflow: router.Disconnect},
			} {
				spec.Patterns = []string{"demo.x"}
				spec.Handler = func(m *router.Message) {
					if m.Gap != nil || string(m.Payload) != numbers(int(m.Sequence), int(m.Sequence)+1)[0] {
						t.Errorf("subscription %d got %v, %q under the number %d", i, m.Gap, m.Payload, m.Sequence)
					}
					taken[i].Add(1)
				}
				if i == 2 {
					handler := spec.Handler
					spec.Handler = nil
					s := t.subscribe(t.dial("loop"), spec)
					go func() {
						for m := range s.Messages(t.ctx()) { // ends with the client
							handler(m)
						}
					}()
					continue
				}
				t.subscribe(t.dial("handler"), spec)
			}
			p := t.window(bus, "demo.x", router.Window{})
			if got := p.Subscriptions(); got != 4 {
				t.Errorf("it follows %d subscriptions, want 4", got)
			}
			t.send(p, numbers(0, n)...)
			t.settled(p)
			for i := range taken {
				if got := taken[i].Load(); got < n-1 { // the last message of a loop is counted when the loop asks for the next
					t.Errorf("subscription %d has taken %d of %d messages when Flush returns", i, got, n)
				}
			}
		},
	},
	{
		name: "a window publisher waits for the slowest",
		rule: "a WindowPublisher stops when its window, or the smallest queue, is not taken; ctx ends the wait, and the message was not published",
		run: func(t *suite) {
			bus := t.dial("publisher")
			slow := t.subscribe(t.dial("slow"), router.Subscription{Patterns: []string{"demo.x"}})
			t.subscribe(t.dial("fast"), router.Subscription{Patterns: []string{"demo.x"}, Handler: func(*router.Message) {}})
			p := t.window(bus, "demo.x", router.Window{Messages: 50})
			if n := t.fill(p, 50); n != 50 {
				t.Errorf("it stopped after %d messages, want 50", n)
			}
			t.expect(slow, numbers(0, 50)...)
			go func() {
				for range slow.Messages(t.ctx()) { // ends with the client
				}
			}()
			t.send(p, numbers(50, 200)...)
			t.settled(p)

			small := t.window(bus, "demo.y", router.Window{})
			queue := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.y"}, Queue: 10})
			t.send(small, "first")
			t.expect(queue, "first")
			t.flush(bus)
			t.settled(small) // now it knows of the queue
			if n := t.fill(small, 10); n != 10 {
				t.Errorf("for a queue of 10 it stopped after %d messages", n)
			}
			heavy := t.window(bus, "demo.z", router.Window{Bytes: 10_000})
			t.subscribe(bus, router.Subscription{Patterns: []string{"demo.z"}})
			for i := range 9 {
				if err := heavy.Publish(t.ctx(), make([]byte, 1000)); err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
			}
			ended, cancel := context.WithCancel(t.ctx())
			cancel()
			t.is("1,000 bytes more than the window has", heavy.Publish(ended, make([]byte, 1000)), context.Canceled)
		},
	},
	{
		name: "a window publisher reports each loss",
		rule: "what a subscription loses all the same, because others publish there too, is a LossError with the number that the subscription's gaps have, once; then the publisher goes on",
		run: func(t *suite) {
			bus, other := t.dial("publisher"), t.dial("other")
			s := t.subscribe(t.dial("subscriber"), router.Subscription{Patterns: []string{"demo.#"}, Queue: 16})
			p := t.window(bus, "demo.x", router.Window{})
			t.send(p, "kept")
			t.expect(s, "kept")
			t.settled(p)
			t.send(p, numbers(0, 4)...)
			t.flush(bus)
			t.publish(other, "demo.y", numbers(0, 100)...)
			t.flush(other)
			lost, seen := uint64(0), uint64(0)
			for m := range s.Messages(t.ctx()) {
				if m.Gap != nil {
					lost += m.Gap.Count
				} else {
					seen++
				}
				if lost+seen == 104 {
					break
				}
			}
			next := make(chan struct{})
			go func() {
				defer close(next)
				t.expect(s, "more")
			}()
			if got := t.lossUntil(p, "more"); got != lost {
				t.Errorf("%d messages are reported as lost, want %d", got, lost)
			}
			receive(t, "the next message", next)
			t.settled(p)
		},
	},
	{
		name: "a window publisher reports who left",
		rule: "a subscription that ends frees a WindowPublisher that waits for it; what its program had not taken is a loss, and a subscription that had taken all is none",
		run: func(t *suite) {
			bus, others := t.dial("publisher"), t.dial("others")
			p := t.window(bus, "demo.x", router.Window{Messages: 10})
			stays := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			goes := t.subscribe(others, router.Subscription{Patterns: []string{"demo.x"}})
			t.send(p, numbers(0, 5)...)
			t.expect(stays, numbers(0, 5)...)
			t.expect(goes, numbers(0, 3)...)
			waits := make(chan error, 1)
			go func() { waits <- p.Flush(t.ctx()) }()
			if err := goes.Close(); err != nil {
				t.Fatal(err)
			}
			var loss *router.LossError
			if err := receive(t, "the end of Flush", waits); !errors.As(err, &loss) || loss.Lost != 2 || loss.Left != 1 {
				t.Errorf("Flush: %v, want 2 lost, 1 left", err)
			}
			t.send(p, "6")
			t.expect(stays, "6")
			t.settled(p)
			if err := stays.Close(); err != nil {
				t.Fatal(err)
			}
			t.send(p, numbers(0, 100)...) // to nobody
			t.settled(p)
			if n := p.Subscriptions(); n != 0 {
				t.Errorf("it follows %d subscriptions, want none", n)
			}
		},
	},
	{
		name: "a client that goes frees a window publisher",
		rule: "the end of a subscriber's client is the end of its subscriptions",
		run: func(t *suite) {
			bus, other := t.dial("publisher"), t.dial("other")
			t.subscribe(other, router.Subscription{Patterns: []string{"demo.x"}})
			p := t.window(bus, "demo.x", router.Window{Messages: 10})
			t.send(p, numbers(0, 10)...)
			waits := make(chan error, 1)
			go func() { waits <- p.Publish(t.ctx(), nil) }()
			if err := other.Close(); err != nil {
				t.Fatal(err)
			}
			var loss *router.LossError
			if err := receive(t, "the end of Publish", waits); !errors.As(err, &loss) || loss.Lost != 10 || loss.Left != 1 {
				t.Errorf("Publish: %v, want 10 lost, 1 left", err)
			}
		},
	},
	{
		name: "a window publisher waits for a group's heirs",
		rule: "what a member leaves to the other members of its queue group is not lost, and a WindowPublisher waits until they have taken it",
		run: func(t *suite) {
			bus := t.dial("publisher")
			spec := router.Subscription{Patterns: []string{"demo.x"}, Group: "workers"}
			leaves, heir := t.subscribe(bus, spec), t.subscribe(bus, spec)
			p := t.window(bus, "demo.x", router.Window{})
			t.send(p, numbers(0, 20)...)
			t.flush(bus)
			waits := make(chan error, 1)
			go func() { waits <- p.Flush(t.ctx()) }()
			if err := leaves.Close(); err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range heir.Messages(t.ctx()) { // ends with the client
				}
			}()
			err := receive(t, "the end of Flush", waits)
			st := t.stats(bus)
			var loss *router.LossError
			if errors.As(err, &loss) { // what had left for the socket of the member that left
				err = nil
				if loss.Left != 1 {
					t.Errorf("Flush: %v, want one that left", loss)
				}
			}
			if err != nil || st.Queued != 0 {
				t.Errorf("Flush: %v, and %d messages are queued", err, st.Queued)
			}
		},
	},
	{
		name: "a window publisher does not wait for last values",
		rule: "a subscription that conflates loses by its own wish, and is not followed; one that a filter keeps from the publisher's messages is followed, and does no harm",
		run: func(t *suite) {
			bus := t.dial("publisher")
			t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}, Overflow: router.Conflate})
			t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}, EventFilter: &router.EventFilter{MinPriority: 9}})
			p := t.window(bus, "demo.x", router.Window{Messages: 10})
			t.send(p, numbers(0, 1000)...)
			t.settled(p)
			if n := p.Subscriptions(); n != 1 {
				t.Errorf("it follows %d subscriptions, want 1", n)
			}
		},
	},
	{
		name: "many goroutines share a window publisher",
		rule: "a WindowPublisher is safe for concurrent use, and its window bounds what all of them publish",
		run: func(t *suite) {
			var taken atomic.Uint64
			t.subscribe(t.dial("subscriber"), router.Subscription{Patterns: []string{"demo.x"}, Queue: 20, Handler: func(m *router.Message) {
				if m.Gap != nil {
					t.Errorf("a %s", m.Gap)
				}
				taken.Add(1)
			}})
			p := t.window(t.dial("publisher"), "demo.x", router.Window{})
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for range 500 {
						if err := p.Publish(t.ctx(), []byte("a")); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			t.settled(p)
			if n := taken.Load(); n != 4000 {
				t.Errorf("%d messages have been taken, want 4,000", n)
			}
		},
	},
	{
		name: "a window publisher that cannot be is an error",
		rule: "WindowPublisher returns what Publisher would, and what the broker refuses as a Fault; after Close every method returns ErrClosed, and a wait ends",
		run: func(t *suite) {
			bus := t.dial("bus")
			for topic, want := range map[string]error{"a..b": frame.ErrTopic, "system.stats": router.ErrReserved} {
				_, err := bus.WindowPublisher(t.ctx(), router.Outgoing{Topic: topic}, router.Window{})
				t.is("WindowPublisher on "+topic, err, want)
			}
			if _, err := bus.WindowPublisher(t.ctx(), router.Outgoing{Topic: "demo.x"}, router.Window{Messages: -1}); err == nil {
				t.Error("a negative window is admitted")
			}
			s := t.subscribe(t.dial("other"), router.Subscription{Patterns: []string{"demo.x"}})
			p := t.window(bus, "demo.x", router.Window{Messages: 5})
			t.send(p, numbers(0, 5)...)
			waits := make(chan error, 1)
			go func() { waits <- p.Publish(t.ctx(), nil) }()
			if err := errors.Join(p.Close(), p.Close()); err != nil {
				t.Fatal(err)
			}
			t.is("a wait", receive(t, "the end of Publish", waits), router.ErrClosed)
			t.is("Publish", p.Publish(t.ctx(), nil), router.ErrClosed)
			t.is("Flush", p.Flush(t.ctx()), router.ErrClosed)
			t.expect(s, numbers(0, 5)...)

			again := t.window(bus, "demo.x", router.Window{Messages: 5})
			t.send(again, numbers(0, 5)...)
			go func() { waits <- again.Publish(t.ctx(), nil) }()
			if err := bus.Close(); err != nil {
				t.Fatal(err)
			}
			err := receive(t, "the end of Publish", waits)
			var loss *router.LossError
			if !errors.Is(err, router.ErrClosed) && !errors.As(err, &loss) {
				t.Errorf("Publish after the end of the bus: %v", err)
			}
		},
	},
	{
		name: "as many window publishers as the broker allows",
		rule: "a client may have 32 of them at once; closing one makes room",
		run: func(t *suite) {
			bus := t.dial("bus")
			var all []router.WindowPublisher
			for range 32 {
				all = append(all, t.window(bus, "demo.x", router.Window{}))
			}
			_, err := bus.WindowPublisher(t.ctx(), router.Outgoing{Topic: "demo.x"}, router.Window{})
			t.isFault("one more", err, frame.ErrLimit, "")
			if err := all[0].Close(); err != nil {
				t.Fatal(err)
			}
			t.window(bus, "demo.y", router.Window{})
		},
	},
}
