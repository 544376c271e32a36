package ipc_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestTooManyConnections connects one client more than 64: that one gets an error, and a
// place when another client has gone.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	others := s.newPair(t)
	peers := make([]*peer, 62)
	for i := range peers {
		peers[i] = s.greet(t)
	}
	p := s.knock(t)
	p.send(hello(frame.Hello{Version: 1}))
	p.expectError(0, frame.CodeLimit, true)
	p.expectEnd(frame.CodeLimit)
	_, err := ipc.Dial(t.Context(), s.path)
	var op *ipc.OpError
	var said *frame.Fault
	if !errors.As(err, &op) || op.Op != "handshake" || !errors.As(err, &said) || said.Code != frame.CodeLimit || !errors.Is(err, frame.ErrLimit) {
		t.Errorf("the client says %v", err)
	}
	s.refused(t, frame.CodeLimit, 2)
	peers[0].conn.Close()
	s.await(t, "one has gone", func(st *router.Stats) bool { return len(st.Clients) == 63 })
	flush(t, s.dial(t, ipc.ClientOptions{}))
	others.check()
	s.settled(t)
}

// TestTooManyDescriptors has a server in a process without descriptors: see
// serveWithoutDescriptors.
func TestTooManyDescriptors(t *testing.T) {
	t.Parallel()
	c := spawn(t, "serveWithoutDescriptors")
	path := c.line()
	s := &server{path: path}
	others := s.newPair(t)
	refused := 0
	var last *peer
	for range 100 { // the child has twenty
		p := s.knock(t)
		p.send(hello(frame.Hello{Version: 1}))
		f := p.next()
		if f.Type() == frame.TypeWelcome {
			last = p
			continue
		}
		if e, err := frame.ParseError(f.Payload()); err != nil || e.Code != frame.CodeLimit || !e.Fatal {
			t.Fatalf("%s %v %v", f.Type(), e, err)
		}
		refused++
	}
	if refused == 0 || last == nil {
		t.Fatalf("%d of 100 connections were refused", refused)
	}
	last.conn.Close() // its descriptor goes to another client
	eventually(t, "one more gets in", func() bool {
		client, err := ipc.Dial(t.Context(), path)
		if err != nil {
			if !errors.Is(err, frame.ErrLimit) {
				t.Fatal(err)
			}
			return false
		}
		defer client.Close()
		reply, err := client.Request(t.Context(), router.StatsTarget, nil)
		if err != nil {
			t.Fatal(err)
		}
		st := decodeStats(t, reply.Payload)
		if st.Refused[frame.CodeLimit.String()] < uint64(refused) || st.LastError == "" {
			t.Errorf("refused %v of %d, last error %q", st.Refused, refused, st.LastError)
		}
		return true
	})
	others.check()
	s.client = others.pub
	s.settled(t)
}

// TestLimitsOfOneClient holds that limits are answered, and do not end the connection.
func TestLimitsOfOneClient(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{MaxSubscriptions: 2, MaxRequests: 1, MaxMessageSize: 1000}, ipc.Options{})
	c := s.dial(t, ipc.ClientOptions{})
	for i := range 2 {
		subscribe(t, c, router.Subscription{Patterns: []string{fmt.Sprintf("events.s%d", i)}})
	}
	var said *frame.Fault
	_, err := c.Subscribe(t.Context(), router.Subscription{Patterns: []string{"events.#"}})
	if !errors.As(err, &said) || !errors.Is(err, frame.ErrLimit) {
		t.Errorf("third subscription: %v", err)
	}
	err = publisher(t, c, "events.a").Publish(make([]byte, 1000))
	var limit *router.LimitError
	if !errors.As(err, &limit) || limit.Max != 1000 {
		t.Errorf("large message: %v", err)
	}
	if err := c.Publish(t.Context(), router.Outgoing{Topic: "events.a", Payload: make([]byte, 1000)}); !errors.As(err, &limit) {
		t.Errorf("large message: %v", err)
	}
	if _, err := c.Request(t.Context(), "a.b", make([]byte, 1000)); !errors.As(err, &limit) {
		t.Errorf("large request: %v", err)
	}
	flush(t, c)
}

// TestTheBrokerLimitsOpenRequests has a client that does not keep to max_requests by
// itself.
func TestTheBrokerLimitsOpenRequests(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{MaxRequests: 2}, ipc.Options{})
	p := s.greet(t)
	p.subscribe(1, router.Subscription{Patterns: []string{"a.b"}, Respond: true})
	for id := range uint64(3) {
		p.send(encode(frame.Fields{Type: frame.TypeRequest, Topic: "a.b", ID: 10 + id}))
	}
	var refused []uint64
	for seen := 0; seen < 3; seen++ {
		if f := p.next(frame.TypeStream); f.Type() == frame.TypeError {
			if e, err := frame.ParseError(f.Payload()); err != nil || e.Code != frame.CodeLimit || e.Text != "max_requests is 2, got 3" {
				t.Errorf("%s %q: %v", e.Code, e.Text, err)
			}
			refused = append(refused, f.ID())
		}
	}
	if !slices.Equal(refused, []uint64{12}) {
		t.Errorf("requests %d are refused, want 12", refused)
	}
}
