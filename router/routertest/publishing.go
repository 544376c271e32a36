package routertest

import (
	"bytes"
	"errors"
	"strings"
	"sync"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

var publishing = []testCase{
	{
		name: "a message arrives as it was sent",
		rule: "topic, payload, priority, content type and extension reach the subscriber unchanged, with the time of publishing and the broker's stamp",
		run: func(t *suite) {
			bus := t.dial("bus")
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			ext, err := frame.AppendExtension(nil, &frame.Meta{Correlation: frame.Correlation{ID: "id-1"}, PID: 7})
			if err != nil {
				t.Fatal(err)
			}
			before := router.Now()
			out := router.Outgoing{Topic: "demo.x", Payload: []byte("hello"), Priority: 9, Content: frame.ContentText, Extension: ext}
			if err := bus.Publish(t.ctx(), out); err != nil {
				t.Fatal(err)
			}
			m := t.next(s, 1)[0]
			if string(m.Topic()) != "demo.x" || string(m.Payload) != "hello" || m.Sequence != 0 || m.Urgent {
				t.Errorf("topic %q, payload %q, sequence %d, urgent %v", m.Topic(), m.Payload, m.Sequence, m.Urgent)
			}
			f := m.Frame
			if f.Type() != frame.TypePublish || f.Priority() != 9 || f.Content() != frame.ContentText || !bytes.Equal(f.Extension(), ext) {
				t.Errorf("a %s of priority %d, content %d, extension %q", f.Type(), f.Priority(), f.Content(), f.Extension())
			}
			if m.Published() < before || m.Published() > router.Now() || f.Source() == 0 || f.Sequence() == 0 {
				t.Errorf("published at %d, by source %d, with sequence %d", m.Published(), f.Source(), f.Sequence())
			}
		},
	},
	{
		name: "all ways to publish are alike",
		rule: "Publish, Publisher and PublisherOf differ in cost only; the default priority is 5",
		run: func(t *suite) {
			bus := t.dial("bus")
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			of, err := bus.PublisherOf(router.Outgoing{Topic: "demo.x", Priority: 2, Content: frame.ContentJSON, Payload: []byte("not used")})
			if err != nil {
				t.Fatal(err)
			}
			t.publish(bus, "demo.x", "a")
			if err := t.publisher(bus, "demo.x").Publish([]byte("b")); err != nil {
				t.Fatal(err)
			}
			if err := of.Publish([]byte("c")); err != nil {
				t.Fatal(err)
			}
			want := []struct {
				payload  string
				priority uint8
				content  frame.Content
			}{{"a", 5, 0}, {"b", 5, 0}, {"c", 2, frame.ContentJSON}}
			for i, m := range t.next(s, 3) {
				if w := want[i]; string(m.Payload) != w.payload || m.Frame.Priority() != w.priority || m.Frame.Content() != w.content {
					t.Errorf("%q of priority %d, content %d; want %v", m.Payload, m.Frame.Priority(), m.Frame.Content(), w)
				}
			}
		},
	},
	{
		name: "a publisher's messages keep their order",
		rule: "a subscriber gets the messages of one goroutine in the order in which they were published, whatever others publish, and numbered without a hole",
		run: func(t *suite) {
			const publishers, each = 4, 200
			s := t.subscribe(t.dial("subscriber"), router.Subscription{Patterns: []string{"demo.#"}})
			var all sync.WaitGroup
			for id := range publishers {
				bus := t.dial("publisher")
				p := t.publisher(bus, "demo."+string('a'+rune(id)))
				all.Go(func() {
					for k := range each {
						if err := p.Publish([]byte{byte(id), byte(k)}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			var last [publishers]int
			for i, m := range t.next(s, publishers*each) {
				id, k := m.Payload[0], int(m.Payload[1])
				if m.Sequence != uint64(i) || k != last[id] {
					t.Fatalf("number %d, message %d of publisher %d; want number %d, message %d", m.Sequence, k, id, i, last[id])
				}
				last[id]++
			}
			all.Wait()
		},
	},
	{
		name: "a payload may be reused",
		rule: "when Publish has returned, the caller may change the payload",
		run: func(t *suite) {
			bus := t.dial("bus")
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			p := t.publisher(bus, "demo.x")
			payload := make([]byte, 1)
			for i := range 100 {
				payload[0] = byte(i)
				if err := p.Publish(payload); err != nil {
					t.Fatal(err)
				}
			}
			for i, m := range t.next(s, 100) {
				if m.Payload[0] != byte(i) {
					t.Fatalf("message %d has the payload %d", i, m.Payload[0])
				}
			}
		},
	},
	{
		name: "payloads of any size arrive",
		rule: "payloads from nothing to the limit arrive whole",
		run: func(t *suite) {
			bus := t.dial("bus")
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			for _, size := range []int{0, 1, 511, 4 << 10, 64 << 10, 300_000, 1<<20 - frame.HeaderSize - len("demo.x")} {
				payload := bytes.Repeat([]byte{byte(size), byte(size >> 8), 0xff}, size/3+1)[:size]
				if err := bus.Publish(t.ctx(), router.Outgoing{Topic: "demo.x", Payload: payload}); err != nil {
					t.Fatalf("%d bytes: %v", size, err)
				}
				if m := t.next(s, 1)[0]; !bytes.Equal(m.Payload, payload) {
					t.Errorf("%d bytes were sent, and %d others arrive", size, len(m.Payload))
				}
			}
		},
	},
	{
		name: "what cannot be published is refused at once",
		rule: "a bad or reserved topic, a priority that does not exist, and a message beyond the limit are errors of the call, and nothing is sent",
		run: func(t *suite) {
			bus := t.dial("bus")
			s := t.subscribe(bus, router.Subscription{Patterns: []string{"#"}})
			for topic, want := range map[string]error{
				"": frame.ErrTopic, "a..b": frame.ErrTopic, "A": frame.ErrTopic, "a.+": frame.ErrTopic, "a.#": frame.ErrTopic,
				"a.b.c.d.e.f.g.h.i": frame.ErrTopic, strings.Repeat("a", 256): frame.ErrTopic,
				"system": router.ErrReserved, "system.stats": router.ErrReserved,
			} {
				t.is("Publish on "+topic, bus.Publish(t.ctx(), router.Outgoing{Topic: topic}), want)
				_, err := bus.Publisher(topic)
				t.is("Publisher of "+topic, err, want)
			}
			t.is("priority 11", bus.Publish(t.ctx(), router.Outgoing{Topic: "demo.x", Priority: 11}), frame.ErrPriority)
			large := make([]byte, 1<<20)
			var limit *router.LimitError
			if err := bus.Publish(t.ctx(), router.Outgoing{Topic: "demo.x", Payload: large}); !errors.As(err, &limit) || limit.Limit != "max_message_size" {
				t.Errorf("Publish of a large message: %v", err)
			}
			if err := t.publisher(bus, "demo.x").Publish(large); !errors.As(err, &limit) || limit.Max != 1<<20 {
				t.Errorf("a publisher's large message: %v", err)
			}
			t.publish(bus, "demo.x", "good")
			t.expect(s, "good")
		},
	},
	{
		name: "flush means routed",
		rule: "when Flush returns, the broker has routed all that was published before on the same bus",
		run: func(t *suite) {
			bus := t.dial("bus")
			for i := range 20 {
				t.publish(bus, "demo.x", numbers(0, 50)...)
				t.flush(bus)
				if got, want := t.stats(bus).Published, uint64(50*(i+1)); got != want {
					t.Fatalf("%d messages are routed, want %d", got, want)
				}
			}
		},
	},
}
