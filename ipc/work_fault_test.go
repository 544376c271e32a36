package ipc_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router"
)

// turns is a policy that counts what "busy" was allowed to do until "other" had its turn.
// The first thing that busy does waits until the test lets it go on.
type turns struct {
	did     atomic.Int64
	inside  chan struct{} // busy is at its first
	proceed chan struct{}
	before  chan int64 // what busy had done when other came
}

func (p *turns) Admit(peer *policy.Peer) (policy.Grant, error) {
	g := policy.Grant{Name: peer.Name}
	switch peer.Name {
	case "busy":
		g.Authorize = func(router.Op, string) error {
			if p.did.Add(1) == 1 {
				close(p.inside)
				<-p.proceed
			}
			return nil
		}
	case "other":
		g.Authorize = func(router.Op, string) error {
			p.before <- p.did.Load()
			return nil
		}
	}
	return g, nil
}

func spec(id uint64, body string) []byte {
	return encode(frame.Fields{Type: frame.TypeSubscribe, ID: id, Content: frame.ContentJSON, Payload: []byte(body)})
}

func request(id uint64, topic string) []byte {
	return encode(frame.Fields{Type: frame.TypeRequest, ID: id, Topic: topic})
}

// TestWorkOfATurnIsBounded has one client send thousands of frames, each of which
// is much work, in one piece. Another, which sends one message meanwhile, has its
// turn after a few of them; and all of them are served in the end.
func TestWorkOfATurnIsBounded(t *testing.T) {
	for name, tc := range map[string]struct {
		n     int
		frame func(id uint64) []byte
		most  int64 // that may come before the other: two turns
	}{
		"statistics": {3000, func(id uint64) []byte { return request(id, router.StatsTarget) }, 32},
		"requests":   {5000, func(id uint64) []byte { return request(id, "a.b") }, 512},
		"subscriptions": {1000, func(id uint64) []byte {
			return append(spec(id, `{"topic_patterns":["events.#"],"replay_from":1}`), encode(frame.Fields{Type: frame.TypeUnsubscribe, ID: id})...)
		}, 32},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &turns{inside: make(chan struct{}), proceed: make(chan struct{}), before: make(chan int64, 1)}
			s := start(t, router.Options{}, ipc.Options{Policy: p})
			as := func(name string) *peer {
				c := s.knock(t)
				c.send(hello(frame.Hello{Name: name, Version: 1}))
				c.expect(frame.TypeWelcome)
				return c
			}
			busy, other := as("busy"), as("other")
			var b []byte
			for id := range uint64(tc.n) {
				b = append(b, tc.frame(id+1)...)
			}
			b = append(b, encode(frame.Fields{Type: frame.TypePing, ID: 1})...)
			sent := make(chan struct{})
			go func() { // ends when all is read
				defer close(sent)
				busy.conn.Write(b)
			}()
			<-p.inside
			other.send(message(1, "events.other", "x"))
			close(p.proceed)
			if n := <-p.before; n > tc.most {
				t.Errorf("%d frames of the busy one came first, want at most %d", n, tc.most)
			}
			for f := busy.next(); f.Type() != frame.TypePong; f = busy.next() {
			}
			<-sent
			s.settled(t)
		})
	}
}

// TestStatisticsUnread has a client request statistics again and again and not take them:
// beyond a bound they are refused, and other clients are served.
func TestStatisticsUnread(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{MaxMemory: 16 << 20}, ipc.Options{})
	others := s.newPair(t)
	p := s.greet(t)
	for id := range uint64(100) {
		p.subscribe(id+1, router.Subscription{SubscriberID: strings.Repeat("x", 100), Patterns: []string{"events.none"}})
	}
	const n = 2000
	var b []byte
	for id := range uint64(n) {
		b = append(b, request(id+1, router.StatsTarget)...)
	}
	p.send(b)
	s.await(t, "all requests", func(st *router.Stats) bool { return st.Requests >= n })
	s.refused(t, frame.CodeOverloaded, 1)
	if live := s.broker.Engine().Pool().Live(); live > 2<<20 {
		t.Errorf("the answers hold %d bytes", live)
	}
	others.check()
	p.conn.Close()
	s.await(t, "it is gone", func(st *router.Stats) bool { return len(st.Clients) == 2 })
	s.settled(t)
}

// TestAnswersOverMemory has a client request more than the limit and take none of it: it
// loses its connection, and no other client loses a message.
func TestAnswersOverMemory(t *testing.T) {
	t.Parallel()
	const limit = 8 << 20
	s := start(t, router.Options{MaxMemory: limit}, ipc.Options{})
	others := s.newPair(t)
	responder := s.dial(t, ipc.ClientOptions{})
	_, err := responder.Respond(t.Context(), "a.b", func(context.Context, *router.Request) ([]byte, error) {
		return make([]byte, 900<<10), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p := s.greet(t)
	for id := range uint64(100) {
		p.send(request(id+1, "a.b"))
	}
	s.refused(t, frame.CodeSlow, 1)
	others.check()
	if st := s.settled(t); len(st.Clients) != 3 || st.BufferBytes > limit {
		t.Errorf("%d clients, %d bytes of buffers", len(st.Clients), st.BufferBytes)
	}
}

// TestNoSubscriptionStarves has a client with many full queues take a part of
// them: it gets something of each, and not all of the first.
func TestNoSubscriptionStarves(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	c := s.dial(t, ipc.ClientOptions{})
	p := s.greet(t)
	const subs = 12
	for id := range uint64(subs) {
		p.subscribe(id+1, router.Subscription{Patterns: []string{fmt.Sprintf("events.s%d", id+1)}})
	}
	for id := range subs {
		out := publisher(t, c, fmt.Sprintf("events.s%d", id+1))
		for range 1000 {
			if err := out.Publish(make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		flush(t, c)
	}
	got := map[uint64]bool{}
	for bytes := 0; bytes < 3<<20; { // of twelve
		f := p.next()
		bytes += len(f)
		if f.Type() == frame.TypeStream {
			st, err := frame.ParseStream(f.Payload())
			if err != nil {
				t.Fatal(err)
			}
			got[st.Subscription] = true
		}
	}
	if len(got) != subs {
		t.Errorf("%d of %d subscriptions got something: %v", len(got), subs, got)
	}
	p.conn.Close()
	s.settled(t)
}

// TestFilterWorkOfATurnIsBounded has one client send hundreds of messages in one piece,
// which thousands of globs look at. A message that another one sends meanwhile is routed
// after a few of them, and in the end all are.
func TestFilterWorkOfATurnIsBounded(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	watcher, busy, other := s.greet(t), s.greet(t), s.greet(t)
	spec := router.Subscription{Patterns: []string{"events.busy"}, CorrelationFilter: new(router.CorrelationFilter)}
	for i := range 32 {
		spec.CorrelationFilter.Patterns = append(spec.CorrelationFilter.Patterns, fmt.Sprintf("*%d*x", i))
	}
	for id := range uint64(124) {
		watcher.subscribe(id+1, spec)
	}
	watcher.subscribe(1000, router.Subscription{Patterns: []string{"events.other"}})
	const n = 500
	ext, err := frame.AppendExtension(nil, &frame.Meta{Correlation: frame.Correlation{ID: "id"}})
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for id := range uint64(n) {
		b = append(b, encode(frame.Fields{Type: frame.TypePublish, ID: id + 1, Topic: "events.busy", Extension: ext})...)
	}
	waits, goesOn := make(chan struct{}), make(chan struct{})
	s.broker.Engine().Post(func() { close(waits); <-goesOn })
	<-waits
	busy.send(b)
	other.send(message(1, "events.other", "x"))
	close(goesOn)
	f := watcher.next(frame.TypeStream)
	if before := f.Sequence() - 1; f.Type() != frame.TypePublish || before > 20 {
		t.Errorf("%d messages of the busy one came first", before)
	}
	s.await(t, "all messages", func(st *router.Stats) bool { return st.Published == n+1 })
}
