package routertest

import (
	"bytes"
	"errors"
	"sync"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// confirm publishes a message and checks how many subscriptions have queued it.
func (t *suite) confirm(bus router.Bus, m router.Outgoing, want int) {
	t.Helper()
	if got, err := bus.PublishConfirmed(t.ctx(), m); got != want || err != nil {
		t.Errorf("PublishConfirmed on %s: queued for %d, %v; want %d", m.Topic, got, err, want)
	}
}

var confirming = []testCase{
	{
		name: "a confirmed message says who has it",
		rule: "PublishConfirmed returns how many subscriptions have queued the message: one that matches by two patterns once, a queue group once, and one whose filter does not pass it not at all; that the broker keeps it as the last value does not count",
		run: func(t *suite) {
			bus, other := t.dial("bus"), t.dial("other")
			m := router.Outgoing{Topic: "demo.x", Payload: []byte("a"), Priority: 3}
			t.confirm(bus, m, 0)
			m.Retain = true
			t.confirm(bus, m, 0)
			m.Retain = false
			twice := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x", "demo.#"}})
			t.confirm(bus, m, 1)
			t.subscribe(other, router.Subscription{Patterns: []string{"demo.+"}})
			third := t.subscribe(other, router.Subscription{Patterns: []string{"#"}})
			t.confirm(bus, m, 3)
			for range 2 {
				t.subscribe(other, router.Subscription{Patterns: []string{"demo.x"}, Group: "workers"})
			}
			t.confirm(bus, m, 4)
			filtered := t.subscribe(other, router.Subscription{Patterns: []string{"demo.x"}, EventFilter: &router.EventFilter{MinPriority: 9}})
			t.confirm(bus, m, 4)
			m.Priority = 9
			t.confirm(bus, m, 5)
			t.next(filtered, 1)
			if err := third.Close(); err != nil {
				t.Fatal(err)
			}
			t.flush(other)
			t.confirm(bus, m, 4)
			for i, m := range t.next(twice, 6) {
				if m.Frame.Flags() != 0 || !bytes.Equal(m.Payload, []byte("a")) || m.Sequence != uint64(i) {
					t.Errorf("message %d: number %d, flags %d, %q", i, m.Sequence, m.Frame.Flags(), m.Payload)
				}
			}
		},
	},
	{
		name: "a confirmed message keeps its place",
		rule: "what a goroutine publishes arrives in its order, whether it is confirmed or not, and is counted alike",
		run: func(t *suite) {
			bus := t.dial("bus")
			s := t.subscribe(t.dial("subscriber"), router.Subscription{Patterns: []string{"demo.x"}})
			p := t.publisher(bus, "demo.x")
			const n = 300
			for i := range n {
				payload := []byte(numbers(i, i+1)[0])
				if i%3 == 2 {
					t.confirm(bus, router.Outgoing{Topic: "demo.x", Payload: payload}, 1)
				} else if err := p.Publish(payload); err != nil {
					t.Fatal(err)
				}
			}
			t.expect(s, numbers(0, n)...)
			if got := t.stats(bus).Published; got != n {
				t.Errorf("%d messages are counted, want %d", got, n)
			}
		},
	},
	{
		name: "a full queue that keeps its oldest does not count",
		rule: "PublishConfirmed does not count a subscription that dropped the message at once; one that drops its oldest instead counts",
		run: func(t *suite) {
			bus := t.dial("bus")
			newest := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}, Queue: 1, Overflow: router.DropNewest})
			oldest := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.y"}, Queue: 1})
			for i, want := range []int{1, 0, 0} {
				t.confirm(bus, router.Outgoing{Topic: "demo.x", Payload: []byte(numbers(i, i+1)[0])}, want)
				t.confirm(bus, router.Outgoing{Topic: "demo.y", Payload: []byte(numbers(i, i+1)[0])}, 1)
			}
			t.expect(newest, "0")
			t.flush(bus)
			for m := range oldest.Messages(t.ctx()) {
				if m.Gap == nil && string(m.Payload) == "2" {
					return
				}
			}
		},
	},
	{
		name: "a confirmed message that is refused is an error",
		rule: "PublishConfirmed returns why a message is not published: what the bus finds as Publish does, what the broker finds as a Fault",
		run: func(t *suite) {
			bus := t.dial("bus")
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"#"}})
			for topic, want := range map[string]error{"a..b": frame.ErrTopic, "system.stats": router.ErrReserved} {
				_, err := bus.PublishConfirmed(t.ctx(), router.Outgoing{Topic: topic})
				t.is("PublishConfirmed on "+topic, err, want)
			}
			var limit *router.LimitError
			if _, err := bus.PublishConfirmed(t.ctx(), router.Outgoing{Topic: "demo.x", Payload: make([]byte, 1<<20)}); !errors.As(err, &limit) || limit.Limit != "max_message_size" {
				t.Errorf("a large message: %v", err)
			}
			_, err := bus.PublishConfirmed(t.ctx(), router.Outgoing{Topic: "demo.x", Extension: []byte{1}})
			t.isFault("an extension that is none", err, frame.ErrExtension, "")
			t.confirm(bus, router.Outgoing{Topic: "demo.x", Payload: []byte("good")}, 1)
			t.expect(s, "good")
			if n := t.stats(bus).Refused["extension"]; n != 1 {
				t.Errorf("%d are counted as refused, want 1", n)
			}
		},
	},
	{
		name: "many confirmations at once",
		rule: "each of many calls gets its own answer, also when more are under way than a client may have requests",
		run: func(t *suite) {
			bus := t.dial("bus")
			t.subscribe(t.dial("other"), router.Subscription{Patterns: []string{"demo.x"}, Handler: func(*router.Message) {}})
			var all sync.WaitGroup
			for i := range 1000 {
				all.Go(func() {
					if i%2 == 0 {
						t.confirm(bus, router.Outgoing{Topic: "demo.x"}, 1)
					} else {
						t.confirm(bus, router.Outgoing{Topic: "demo.y"}, 0)
					}
				})
			}
			all.Wait()
		},
	},
}
