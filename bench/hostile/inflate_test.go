package hostile

import (
	"fmt"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

const inflated = 1_000_000 // bytes that a message inflates to

// bomb returns a payload of 61 bytes or so that inflates to a megabyte.
func bomb(t *testing.T) []byte {
	t.Helper()
	b, flag := frame.Compress(nil, make([]byte, inflated), frame.FlagS2)
	if flag == 0 || len(b) > 1000 {
		t.Fatalf("%d zeros became %d bytes", inflated, len(b))
	}
	return b
}

func repeat(topic string, n int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for range n {
			if !yield(topic) {
				return
			}
		}
	}
}

// numbered yields n topics below a prefix.
func numbered(prefix string, n int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for i := range n {
			if !yield(fmt.Sprintf("%s.%06d", prefix, i)) {
				return
			}
		}
	}
}

// TestMessagesThatInflate has subscriptions of one client that cannot inflate and does not
// read: a message is inflated once for all of them.
func TestMessagesThatInflate(t *testing.T) {
	subscriptions, messages := size(8, 24), size(160, 1024)
	v := startAgent(t, setting{})
	m := measure(v)
	reader := v.dial(0)
	reader.subscribe(1, subscriptions, every(router.Subscription{Patterns: []string{"events.z"}}))
	v.dial(frame.FeatureS2).publish(repeat("events.z", messages), bomb(t), frame.FlagS2, nil)
	m.check()
	s := v.check()
	if most := uint64(messages) * (inflated + 100); s.InflatedBytes > most {
		t.Errorf("%d bytes were inflated for %d messages, want at most %d", s.InflatedBytes, messages, most)
	}
	if _, matched := ofHostile(&s); matched != uint64(subscriptions*messages) {
		t.Errorf("%d messages were matched, want %d", matched, subscriptions*messages)
	}
	v.givesBack()
}

// TestThePastThatInflates has a client that cannot inflate subscribe to many messages that
// are kept, as retained values or for the replay: they are inflated as it takes them, and
// not before.
func TestThePastThatInflates(t *testing.T) {
	messages, subscriptions := size(128, 1024), size(2, 16)
	for name, past := range map[string]struct {
		topics string
		flags  frame.Flags
		spec   router.Subscription
	}{
		"retained": {"events.z", frame.FlagS2 | frame.FlagRetain, router.Subscription{Patterns: []string{"events.z.#"}, Retained: true}},
		"replayed": {"alerts.z", frame.FlagS2, router.Subscription{Patterns: []string{"alerts.z.#"}, ReplayFrom: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			v := startAgent(t, setting{})
			m := measure(v)
			v.dial(frame.FeatureS2).publish(numbered(past.topics, messages), bomb(t), past.flags, nil)
			reader := v.dial(0)
			for i := range subscriptions {
				reader.send(subscription(t, uint64(i)+1, past.spec))
			}
			other := v.dial(0)
			other.flush()    // the subscriptions came before
			other.flush()    // and turns have passed
			const socket = 8 // what a socket holds, and is being written, in messages
			if s := v.check(); s.InflatedBytes > socket*inflated {
				t.Errorf("%d bytes were inflated for a client that does not read", s.InflatedBytes)
			}
			for taken := 0; taken < messages; {
				if f := reader.next(); f.Type() == frame.TypePublish {
					taken++
					if f.Flags()&frame.FlagS2 != 0 || len(f.Payload()) != inflated {
						t.Fatalf("message %d has %d bytes, flags %v", taken, len(f.Payload()), f.Flags())
					}
				}
			}
			m.check()
			v.check()
		})
	}
}

// TestRequestsThatInflate has clients request as much as they may of a responder that cannot
// inflate and does not read: a request is inflated once, and those for which there is no
// memory are refused.
func TestRequestsThatInflate(t *testing.T) {
	clients, requests := size(1, 4), 160
	v := startAgent(t, setting{})
	m := measure(v)
	responder := v.dial(0)
	responder.subscribe(1, 1, every(router.Subscription{Patterns: []string{"events.ask"}, Respond: true}))
	for range clients {
		c := v.dial(frame.FeatureS2)
		for i := range requests {
			c.send(encode(t, frame.Fields{Type: frame.TypeRequest, Topic: "events.ask", ID: uint64(i) + 1, Flags: frame.FlagS2, Payload: bomb(t)}))
		}
		c.flush()
	}
	m.check()
	s := v.check()
	if most := uint64(clients*requests) * (inflated + 100); s.InflatedBytes == 0 || s.InflatedBytes > most {
		t.Errorf("%d bytes were inflated for %d requests, want at most %d", s.InflatedBytes, clients*requests, most)
	}
	if s.Refused["memory"] == 0 {
		t.Errorf("memory was not full: refused were %v", s.Refused)
	}
	v.givesBack()
}

// TestRepliesThatInflate has a client that cannot inflate request as much as it may, and
// not read the replies: it loses its connection before they have taken all memory.
func TestRepliesThatInflate(t *testing.T) {
	requests := size(100, 250)
	v := startAgent(t, setting{})
	m := measure(v)
	responder := v.dial(frame.FeatureS2)
	responder.subscribe(1, 1, every(router.Subscription{Patterns: []string{"events.ask"}, Respond: true}))
	c := v.dial(0)
	for i := range requests {
		c.send(encode(t, frame.Fields{Type: frame.TypeRequest, Topic: "events.ask", ID: uint64(i) + 1}))
	}
	c.flush()
	reply := bomb(t)
	for range requests {
		f := responder.next()
		for f.Type() != frame.TypeRequest {
			f = responder.next()
		}
		responder.send(encode(t, frame.Fields{Type: frame.TypeReply, ID: f.ID(), Source: f.Source(), Flags: frame.FlagS2, Payload: reply}))
	}
	responder.flush()
	m.check()
	s := v.check()
	if most := uint64(requests) * (inflated + 100); s.InflatedBytes == 0 || s.InflatedBytes > most {
		t.Errorf("%d bytes were inflated for %d replies, want at most %d", s.InflatedBytes, requests, most)
	}
	if s.Refused["slow"] == 0 {
		t.Errorf("the client that does not read goes on: refused were %v", s.Refused)
	}
}
