package routertest

import (
	"maps"
	"slices"
	"strconv"

	"github.com/daemoneye/eventbus/router"
)

// flood is a number of messages that no queue or socket on the way can hold.
const flood = 30_000

var overflowing = []testCase{
	{
		name: "the newest are kept, and each loss is announced exactly",
		rule: "with drop-oldest a subscriber that does not keep up loses the oldest messages; where it does, a gap says which and how many, so that messages and gaps together are all that was published",
		run: func(t *suite) {
			bus := t.dial("publisher")
			s := t.subscribe(t.dial("subscriber"), router.Subscription{Patterns: []string{"demo.x"}, Queue: 50})
			t.flood(bus, "demo.x")
			if last := t.account(s); last != flood-1 {
				t.Errorf("the last message is %d, want %d", last, flood-1)
			}
		},
	},
	{
		name: "the oldest are kept, and the last loss is announced too",
		rule: "with drop-newest the oldest messages are kept; what was refused is announced even if no message follows",
		run: func(t *suite) {
			bus := t.dial("publisher")
			s := t.subscribe(t.dial("subscriber"), router.Subscription{Patterns: []string{"demo.x"}, Queue: 50, Overflow: router.DropNewest})
			t.flood(bus, "demo.x")
			t.account(s)
		},
	},
	{
		name: "a slow handler loses like a slow loop",
		rule: "a handler that is slow gets gaps for what it lost; no publisher and no other subscriber waits for it",
		run: func(t *suite) {
			bus := t.dial("publisher")
			let := make(chan struct{})
			seen := make(chan *router.Message, flood+1)
			t.subscribe(t.dial("slow"), router.Subscription{Patterns: []string{"demo.x"}, Queue: 50, Handler: func(m *router.Message) {
				<-let
				seen <- m.Clone()
			}})
			t.flood(bus, "demo.x") // returns, though the handler does not
			close(let)
			var l tally
			for l.next < flood {
				if err := l.see(receive(t, "the next message or gap", seen)); err != "" {
					t.Fatal(err)
				}
			}
		},
	},
	{
		name: "the last value of each topic arrives",
		rule: "with conflate a subscriber that does not keep up gets the last message of each topic, whatever it missed before",
		run: func(t *suite) {
			bus := t.dial("publisher")
			s := t.subscribe(t.dial("subscriber"), router.Subscription{Patterns: []string{"demo.#"}, Queue: 50, Overflow: router.Conflate})
			topics := []string{"demo.a", "demo.b", "demo.c"}
			for i, p := range numbers(0, 900) {
				t.publish(bus, topics[i%3], p)
			}
			t.flush(bus)
			want := map[string]string{"demo.a": "897", "demo.b": "898", "demo.c": "899"}
			last := map[string]string{}
			seen := uint64(0)
			for m := range s.Messages(t.ctx()) {
				if m.Gap != nil {
					seen += m.Gap.Count
				} else {
					seen++
					last[string(m.Topic())] = string(m.Payload)
				}
				if seen == 900 {
					break
				}
			}
			if seen != 900 || !maps.Equal(last, want) {
				t.Errorf("%d messages are accounted for, the last are %v, want 900 and %v", seen, last, want)
			}
		},
	},
	{
		name:    "urgent messages pass a flood",
		rule:    "bulk messages neither displace messages of the urgent lane nor delay them; each loss of the bulk lane is announced there",
		options: router.Options{Urgent: []string{"alerts.#"}},
		run: func(t *suite) {
			bus := t.dial("publisher")
			s := t.subscribe(t.dial("subscriber"), router.Subscription{Patterns: []string{"demo.x", "alerts.#"}, Queue: 50})
			const alerts = 20
			const each = flood / alerts
			for i := range alerts {
				t.publish(bus, "demo.x", numbers(each*i, each*i+each)...)
				t.publish(bus, "alerts.high", strconv.Itoa(i))
			}
			t.flush(bus)
			next := 0
			var bulk tally
			for m := range s.Messages(t.ctx()) {
				switch {
				case !m.Urgent:
					if err := bulk.see(m); err != "" {
						t.Fatal(err)
					}
				case m.Gap != nil || string(m.Payload) != strconv.Itoa(next) || m.Sequence != uint64(next):
					t.Fatalf("alert %d is %q, %v", next, m.Payload, m.Gap)
				default:
					next++
				}
				if next == alerts && bulk.next == flood {
					break
				}
			}
			if next != alerts || bulk.next != flood {
				t.Errorf("%d of %d alerts arrive, and %d of %d bulk messages are accounted for", next, alerts, bulk.next, flood)
			}
		},
	},
	{
		name: "a subscriber that does not read harms no other",
		rule: "while one subscriber of a topic reads nothing, another one of the same topic loses no message if it keeps up",
		run: func(t *suite) {
			bus := t.dial("publisher")
			t.subscribe(t.dial("idle"), router.Subscription{Patterns: []string{"demo.x"}, Queue: 10})
			busy := t.dial("busy")
			s := t.subscribe(busy, router.Subscription{Patterns: []string{"demo.x"}})
			for i := range 100 {
				t.publish(bus, "demo.x", numbers(100*i, 100*i+100)...)
				t.expect(s, numbers(100*i, 100*i+100)...)
			}
		},
	},
	{
		name: "a small queue bounds all that waits",
		rule: "with a queue of 16, at most 16 messages wait for a program that reads none, in broker, socket and client together; the broker's statistics count the fate of each",
		run: func(t *suite) {
			a, b := t.dial("a"), t.dial("b")
			s := t.subscribe(b, router.Subscription{SubscriberID: "small", Patterns: []string{"demo.x"}, Queue: 16})
			const all = 500
			t.publish(a, "demo.x", numbers(0, all)...)
			t.flush(a)
			var delivered, lost uint64
			last := ""
			for m := range s.Messages(t.ctx()) {
				if m.Gap != nil {
					lost += m.Gap.Count
				} else {
					delivered++
					last = string(m.Payload)
				}
				if delivered+lost == all {
					break
				}
			}
			if delivered > 16 || last != "499" {
				t.Errorf("%d messages waited, the last of them %q: want at most 16, the newest among them", delivered, last)
			}
			for { // until the client has reported what its program has consumed
				stats := t.stats(a)
				i := slices.IndexFunc(stats.Subscriptions, func(s router.SubStats) bool { return s.Name == "small" })
				if i < 0 {
					t.Fatal("the subscription is not in the statistics")
				}
				got := stats.Subscriptions[i]
				if got.InFlight == nil || got.ClientLost == nil {
					t.Fatal("what the program has taken is not known")
				}
				if got.Queued == 0 {
					if got.Delivered != delivered || got.Dropped != lost || got.Matched != all {
						t.Errorf("matched %d, delivered %d, dropped %d, want %d, %d, %d", got.Matched, got.Delivered, got.Dropped, all, delivered, lost)
					}
					return
				}
				if t.ctx().Err() != nil {
					t.Fatal("it does not come")
				}
			}
		},
	},
}

// flood publishes numbered messages and waits until they are routed.
func (t *suite) flood(bus router.Bus, topic string) {
	t.Helper()
	p := t.publisher(bus, topic)
	for _, payload := range numbers(0, flood) {
		if err := p.Publish([]byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	t.flush(bus)
}

// account reads until each message of a flood has come or is in a gap. It returns the last
// message.
func (t *suite) account(s router.Subscriber) (last int) {
	t.Helper()
	var l tally
	for m := range s.Messages(t.ctx()) {
		if err := l.see(m); err != "" {
			t.Fatal(err)
		}
		if l.next == flood {
			break
		}
	}
	if l.next != flood {
		t.Fatalf("%d messages are accounted for, want %d", l.next, flood)
	}
	if st := s.Stats(); st.Delivered != l.delivered || st.Lost != l.lost {
		t.Errorf("Stats are %+v, want %d delivered and %d lost", st, l.delivered, l.lost)
	}
	return l.last
}

// tally checks the sequence numbers of one subscription, whose payloads are the same
// numbers.
type tally struct {
	next            uint64
	last            int
	delivered, lost uint64
}

// see counts m. It returns what is wrong with m after the messages before, or "".
func (l *tally) see(m *router.Message) string {
	if g := m.Gap; g != nil {
		if g.First != l.next || g.Count == 0 || g.Count != g.Last-g.First+1 || g.Bytes < g.Count {
			return g.String() + ", want one from " + strconv.FormatUint(l.next, 10)
		}
		l.next += g.Count
		l.lost += g.Count
		return ""
	}
	n, err := strconv.Atoi(string(m.Payload))
	if err != nil || m.Sequence != l.next || uint64(n) != l.next {
		return "message " + string(m.Payload) + " has the number " + strconv.FormatUint(m.Sequence, 10) + ", want " + strconv.FormatUint(l.next, 10)
	}
	l.next++
	l.delivered++
	l.last = n
	return ""
}
