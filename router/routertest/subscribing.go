package routertest

import (
	"context"
	"sync/atomic"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

var subscribing = []testCase{
	{
		name: "nothing is missed after Subscribe",
		rule: "when Subscribe has returned, what any client publishes from then on arrives",
		run: func(t *suite) {
			a, b := t.dial("a"), t.dial("b")
			for range 30 {
				s := t.subscribe(a, router.Subscription{Patterns: []string{"demo.x"}})
				t.publish(b, "demo.x", "first")
				t.expect(s, "first")
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		},
	},
	{
		name: "patterns select",
		rule: "+ is one segment, # any number of them at the end, * one and at the end one or more; a message that several patterns match comes once",
		run: func(t *suite) {
			bus := t.dial("bus")
			cases := []struct {
				patterns, want []string
				s              router.Subscriber
			}{
				{patterns: []string{"a.b"}, want: []string{"a.b"}},
				{patterns: []string{"+.b"}, want: []string{"a.b", "x.b"}},
				{patterns: []string{"a.#"}, want: []string{"a", "a.b", "a.b.c"}},
				{patterns: []string{"a.*"}, want: []string{"a.b", "a.b.c"}},
				{patterns: []string{"*.b.c"}, want: []string{"a.b.c", "x.b.c"}},
				{patterns: []string{"a.#", "+.b", "a.b"}, want: []string{"a", "a.b", "a.b.c", "x.b"}},
			}
			for i := range cases {
				cases[i].s = t.subscribe(bus, router.Subscription{Patterns: cases[i].patterns})
			}
			for range 2 { // what should not come in the first round would show in the second
				for _, topic := range []string{"a", "a.b", "a.b.c", "x.b", "x.b.c"} {
					t.publish(bus, topic, topic)
				}
				for _, c := range cases {
					t.expect(c.s, c.want...)
				}
			}
		},
	},
	{
		name:    "a bad subscription is refused",
		rule:    "Subscribe fails for a bad pattern, for none, for a wildcard where none is allowed, and for more subscriptions than are allowed, with a *Fault that has the broker's code and text",
		options: router.Options{MaxSubscriptions: 2},
		run: func(t *suite) {
			bus := t.dial("bus")
			off := false
			for _, c := range []struct {
				name string
				spec router.Subscription
				want error
				text string
			}{
				{"a bad pattern", router.Subscription{Patterns: []string{"a.#.b"}}, router.ErrPattern, ""},
				{"no pattern", router.Subscription{}, router.ErrSubscription, "subscription is not valid: 0 topic_patterns, want 1 to 64"},
				{"a forbidden wildcard", router.Subscription{Patterns: []string{"a.#"}, EnableWildcards: &off}, router.ErrPattern, ""},
				{"an unknown policy", router.Subscription{Patterns: []string{"a"}, Overflow: "block"}, router.ErrSubscription, ""},
				{"a negative queue", router.Subscription{Patterns: []string{"a"}, Queue: -1}, router.ErrSubscription, "subscription is not valid: queue is -1, want 0 or more"},
			} {
				_, err := bus.Subscribe(t.ctx(), c.spec)
				t.isFault(c.name, err, c.want, c.text)
			}
			good := router.Subscription{Patterns: []string{"demo.x"}}
			s := t.subscribe(bus, good)
			t.subscribe(bus, good)
			_, err := bus.Subscribe(t.ctx(), good)
			t.isFault("one too many", err, frame.ErrLimit, "max_subscriptions is 2, got 3")
			t.publish(bus, "demo.x", "still here")
			t.expect(s, "still here")
		},
	},
	{
		name: "filters select",
		rule: "all parts of a subscription's filters must hold, and are evaluated by the broker",
		run: func(t *suite) {
			bus, other := t.dial("bus"), t.dial("other")
			s := t.subscribe(bus, router.Subscription{
				Patterns:     []string{"demo.#"},
				EventFilter:  &router.EventFilter{MinPriority: 5, PIDs: []uint32{1, 7}, Sources: []string{"bus"}},
				Capabilities: router.Capabilities{EventTypes: []string{"exec"}},
			})
			send := func(from router.Bus, payload string, priority uint8, m frame.Meta) {
				ext, err := frame.AppendExtension(nil, &m)
				if err == nil {
					err = from.Publish(t.ctx(), router.Outgoing{Topic: "demo.x", Payload: []byte(payload), Priority: priority, Extension: ext})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			good := frame.Meta{PID: 7, EventType: "exec"}
			send(bus, "low", 4, good)
			send(bus, "another pid", 5, frame.Meta{PID: 8, EventType: "exec"})
			send(bus, "another type", 5, frame.Meta{PID: 7, EventType: "exit"})
			send(other, "another source", 5, good)
			t.flush(other)
			send(bus, "good", 5, good)
			t.expect(s, "good")
		},
	},
	{
		name: "a handler sees what a loop sees",
		rule: "a Handler is called with one message at a time, in order; the message is valid until it returns, and a Clone stays valid",
		run: func(t *suite) {
			bus := t.dial("bus")
			const n = 300
			var inside atomic.Int32
			kept := make(chan *router.Message, n)
			t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}, Handler: func(m *router.Message) {
				if inside.Add(1) != 1 {
					t.Error("two calls at once")
				}
				kept <- m.Clone()
				inside.Add(-1)
			}})
			t.publish(bus, "demo.x", numbers(0, n)...)
			for i, want := range numbers(0, n) {
				m := receive(t, "message "+want, kept)
				if string(m.Payload) != want || string(m.Topic()) != "demo.x" || m.Sequence != uint64(i) {
					t.Fatalf("message %d is %q on %q", m.Sequence, m.Payload, m.Topic())
				}
			}
		},
	},
	{
		name: "a loop may be left and entered again",
		rule: "Messages ends with its context or with break, and the next call goes on where it ended",
		run: func(t *suite) {
			bus := t.dial("bus")
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			t.publish(bus, "demo.x", numbers(0, 10)...)
			t.expect(s, numbers(0, 4)...)
			ctx, cancel := context.WithCancel(t.ctx())
			cancel()
			for m := range s.Messages(ctx) {
				t.Errorf("Messages yields %q after its context has ended", m.Payload)
			}
			t.expect(s, numbers(4, 10)...)
			if err := s.Err(); err != nil {
				t.Errorf("Err of a running subscription: %v", err)
			}
			if st := s.Stats(); st.Delivered != 10 || st.Lost != 0 {
				t.Errorf("%+v, want 10 delivered", st)
			}
		},
	},
	{
		name: "flush counts what was taken",
		rule: "when Flush returns, the broker's statistics count as delivered what the program had taken before",
		run: func(t *suite) {
			bus := t.dial("bus")
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			for i := range 10 {
				t.publish(bus, "demo.x", numbers(0, 10)...)
				t.expect(s, numbers(0, 10)...)
				t.flush(bus)
				if st := t.stats(bus); st.Queued != 0 || st.Delivered != uint64(10*(i+1)) {
					t.Fatalf("%d queued, %d delivered, want 0 and %d", st.Queued, st.Delivered, 10*(i+1))
				}
			}
		},
	},
	{
		name: "a group shares",
		rule: "each message goes to one member of a queue group, whichever clients the members belong to",
		run: func(t *suite) {
			a, b := t.dial("a"), t.dial("b")
			got := make(chan string, 100)
			handler := func(m *router.Message) { got <- string(m.Payload) }
			for _, bus := range []router.Bus{a, a, b} {
				t.subscribe(bus, router.Subscription{Patterns: []string{"demo.task"}, Group: "workers", Handler: handler})
			}
			watch := t.subscribe(b, router.Subscription{Patterns: []string{"demo.task"}})
			t.publish(a, "demo.task", numbers(0, 60)...)
			t.expect(watch, numbers(0, 60)...)
			seen := map[string]bool{}
			for range 60 {
				p := receive(t, "a task", got)
				if seen[p] {
					t.Errorf("task %s comes twice", p)
				}
				seen[p] = true
			}
			for _, bus := range []router.Bus{a, b} {
				if err := bus.Close(); err != nil { // waits for handlers
					t.Error(err)
				}
			}
			if len(got) != 0 {
				t.Errorf("%d tasks come twice", len(got))
			}
		},
	},
	{
		name: "the last value is retained",
		rule: "a subscriber that asks for retained messages gets the last one of each matching topic, before live messages; an empty payload removes a topic's value",
		run: func(t *suite) {
			a, b := t.dial("a"), t.dial("b")
			for _, m := range [][2]string{{"state.x", "1"}, {"state.y", "2"}, {"state.x", "3"}, {"state.z", "4"}, {"state.z", ""}} {
				if err := a.Publish(t.ctx(), router.Outgoing{Topic: m[0], Payload: []byte(m[1]), Retain: true}); err != nil {
					t.Fatal(err)
				}
			}
			t.publish(a, "state.x", "not retained")
			t.flush(a)
			s := t.subscribe(b, router.Subscription{Patterns: []string{"state.#"}, Retained: true})
			plain := t.subscribe(b, router.Subscription{Patterns: []string{"state.#"}})
			t.publish(a, "state.y", "live")
			t.expect(s, "2", "3", "live")
			t.expect(plain, "live")
		},
	},
	{
		name:    "the past is replayed",
		rule:    "a subscriber that asks for a replay gets what the broker holds from a sequence on, after a gap for what it no longer holds, and before live messages",
		options: router.Options{Replay: []router.ReplayRule{{Pattern: "log.#", MaxCount: 3}}},
		run: func(t *suite) {
			a, b := t.dial("a"), t.dial("b")
			first := t.subscribe(a, router.Subscription{Patterns: []string{"log.#"}})
			t.publish(a, "log.x", numbers(0, 5)...)
			seq := t.next(first, 2)[1].Frame.Sequence() // of message 1
			t.flush(a)
			resumed := t.subscribe(b, router.Subscription{Patterns: []string{"log.#"}, ReplayFrom: seq + 1})
			all := t.subscribe(b, router.Subscription{Patterns: []string{"log.#"}, ReplayFrom: 1})
			t.publish(a, "log.x", "live")
			t.expect(resumed, "2", "3", "4", "live")
			for m := range all.Messages(t.ctx()) {
				if m.Gap == nil || m.Gap.Count != 2 || m.Gap.Reason != frame.ReasonReplay {
					t.Errorf("first comes %v, want a gap of the 2 that the replay has lost", m.Gap)
				}
				break
			}
			t.expect(all, "2", "3", "4", "live")
		},
	},
}
