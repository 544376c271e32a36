package ipc_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestCompression sends payloads of several kinds, by each method, to a client
// that inflates and to one that cannot: both get the same.
func TestCompression(t *testing.T) {
	for method, flag := range map[string]frame.Flags{"s2": frame.FlagS2} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := start(t, router.Options{}, ipc.Options{})
			plain := s.greet(t) // without features
			plain.subscribe(1, router.Subscription{Patterns: []string{"events.#"}})
			c := s.dial(t, ipc.ClientOptions{Compress: flag})
			shown := make(chan *router.Message, 10)
			subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}, Handler: func(m *router.Message) { shown <- m.Clone() }})
			loop := subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}})
			for i, payload := range [][]byte{
				[]byte("short"),
				bytes.Repeat([]byte("compressible "), 1000),
				noise(5000),
			} {
				var err error
				if i%2 == 0 {
					err = publisher(t, c, "events.a").Publish(payload)
				} else {
					err = c.Publish(t.Context(), router.Outgoing{Topic: "events.a", Payload: payload})
				}
				if err != nil {
					t.Fatal(err)
				}
				m := <-shown
				compressed := m.Frame.Flags()&frame.FlagCompressed != 0
				if !bytes.Equal(m.Payload, payload) || compressed != (i == 1) || compressed && len(m.Frame) > 1000 {
					t.Errorf("handler: %d bytes in a frame of %d, compressed %t", len(m.Payload), len(m.Frame), compressed)
				}
				for m := range loop.Messages(within(t)) {
					if !bytes.Equal(m.Payload, payload) {
						t.Errorf("loop: %d bytes", len(m.Payload))
					}
					break
				}
				got := plain.next(frame.TypeStream)
				if got.Type() != frame.TypePublish || got.Flags()&frame.FlagCompressed != 0 || !bytes.Equal(got.Payload(), payload) {
					t.Errorf("without features: %s, flags %d, %d bytes", got.Type(), got.Flags(), len(got.Payload()))
				}
			}
			s.settled(t)
		})
	}
}

// TestCompressedGarbage sends a payload that is marked as compressed and is not: a client
// that inflates sees a message without payload, and a client for which the broker
// inflates sees a gap. The next message is as good as ever.
func TestCompressedGarbage(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	others := s.newPair(t)
	plain := s.greet(t)
	plain.subscribe(1, router.Subscription{Patterns: []string{"events.#"}})
	c := s.dial(t, ipc.ClientOptions{})
	shown := make(chan *router.Message, 10)
	subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}, Handler: func(m *router.Message) { shown <- m.Clone() }})
	bad := s.greet(t)
	bomb := []byte{0x80, 0x80, 0x80, 0x80, 0x08, 0, 0, 0} // an s2 block of two gigabytes
	for i, payload := range [][]byte{noise(100), bomb} {
		bad.send(encode(frame.Fields{Type: frame.TypePublish, Flags: frame.FlagS2, Topic: "events.bad", Payload: payload}),
			message(2, "events.good", fmt.Sprint(i)))
		if m := <-shown; m.Gap != nil || len(m.Payload) != 0 || len(m.Frame.Payload()) != len(payload) {
			t.Errorf("%v %q", m.Gap, m.Payload)
		}
		if m := <-shown; string(m.Payload) != fmt.Sprint(i) {
			t.Errorf("%q", m.Payload)
		}
		g, err := frame.ParseGap(plain.next(frame.TypeStream).Payload())
		if err != nil || g.Count != 1 || g.First != uint64(2*i) || g.Reason != frame.ReasonInflate {
			t.Errorf("%+v %v", g, err)
		}
		if m := plain.next(frame.TypeStream); string(m.Payload()) != fmt.Sprint(i) {
			t.Errorf("%s %q", m.Type(), m.Payload())
		}
	}
	st := s.settled(t)
	if st.DroppedBy[frame.ReasonInflate.String()] != 2 || st.Refused[frame.CodeTooLarge.String()] != 1 {
		t.Errorf("dropped %v, refused %v", st.DroppedBy, st.Refused)
	}
	others.check()
}

// TestCompressionIsNegotiated has a broker that lists no feature.
func TestCompressionIsNegotiated(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := f.welcome(frame.Welcome{})
	c, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: f.path, Compress: frame.FlagS2})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := <-b
	payload := bytes.Repeat([]byte("x"), 5000)
	if err := publisher(t, c, "events.a").Publish(payload); err != nil {
		t.Fatal(err)
	}
	if err := c.Publish(t.Context(), router.Outgoing{Topic: "events.a", Payload: payload}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if m := p.expect(frame.TypePublish); m.Flags() != 0 || !bytes.Equal(m.Payload(), payload) {
			t.Errorf("flags %d, %d bytes", m.Flags(), len(m.Payload()))
		}
	}
}

// TestLimitIsOfTheInflatedMessage holds that compression does not make a message fit,
// because the clients that get it could not inflate it.
func TestLimitIsOfTheInflatedMessage(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{MaxMessageSize: 64 << 10}, ipc.Options{})
	c := s.dial(t, ipc.ClientOptions{Compress: frame.FlagS2})
	payload := make([]byte, 64<<10)
	for name, publish := range map[string]func() error{
		"Publisher": func() error { return publisher(t, c, "events.a").Publish(payload) },
		"Publish": func() error {
			return c.Publish(t.Context(), router.Outgoing{Topic: "events.a", Payload: payload})
		},
	} {
		var limit *router.LimitError
		if err := publish(); !errors.As(err, &limit) || limit.Max != 64<<10 || limit.Got <= 64<<10 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLimitFollowsTheBroker has a client come back to a broker with a larger limit:
// it inflates what that broker lets through, for a handler, a loop and a call.
func TestLimitFollowsTheBroker(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{MaxMessageSize: 64 << 10}, ipc.Options{})
	st := make(states, 10)
	c := s.dial(t, ipc.ClientOptions{Compress: frame.FlagS2, OnState: func(err error) { st <- err }})
	shown := make(chan *router.Message, 10)
	subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}, Handler: func(m *router.Message) { shown <- m.Clone() }})
	loop := subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}})
	s.stop(t)
	st.lost(t)
	s = s.restart(t, router.Options{MaxMessageSize: 1 << 20}, ipc.Options{})
	st.back(t)
	const n = 500 << 10
	if err := publisher(t, c, "events.a").Publish(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if m := <-shown; m.Gap == nil {
		t.Errorf("%q, want a gap", m.Payload)
	}
	if m := <-shown; len(m.Payload) != n {
		t.Errorf("handler: %d bytes", len(m.Payload))
	}
	for m := range loop.Messages(within(t)) {
		if m.Gap != nil {
			continue
		}
		if len(m.Payload) != n {
			t.Errorf("loop: %d bytes", len(m.Payload))
		}
		break
	}
	responder := s.greet(t)
	responder.subscribe(1, router.Subscription{Patterns: []string{"a.b"}, Respond: true})
	go func() { // ends with the reply
		q := responder.next(frame.TypeStream)
		out, flag := frame.Compress(nil, make([]byte, n), frame.FlagS2)
		responder.send(encode(frame.Fields{Type: frame.TypeReply, Flags: flag, ID: q.ID(), Source: q.Source(), Payload: out}))
	}()
	if r, err := c.Request(within(t), "a.b", nil); err != nil || len(r.Payload) != n {
		t.Errorf("reply: %d bytes, %v", len(r.Payload), err)
	}
}
