package ipc_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestNeverReads has a subscriber that takes nothing. It loses messages, which are
// counted exactly, and in the end its connection. The publisher is not slowed, and no
// other client loses anything.
func TestNeverReads(t *testing.T) {
	for _, overflow := range []router.Overflow{router.DropOldest, router.DropNewest, router.Conflate, router.Disconnect} {
		t.Run(string(overflow), func(t *testing.T) {
			t.Parallel()
			s := start(t, router.Options{}, ipc.Options{ConnectionTimeout: expiry})
			others := s.newPair(t)
			p := s.greet(t)
			p.subscribe(1, router.Subscription{Patterns: []string{"events.#"}, Overflow: overflow})
			c := s.dial(t, ipc.ClientOptions{})
			outs := make([]router.Publisher, 500) // topics, because conflating keeps one message of each
			for i := range outs {
				outs[i] = publisher(t, c, fmt.Sprintf("events.flood.%d", i))
			}
			payload := make([]byte, 1000)
			const n = 50000
			for i := range n {
				if err := outs[i%len(outs)].Publish(payload); err != nil {
					t.Fatal(err)
				}
			}
			flush(t, c)
			s.refused(t, frame.CodeSlow, 1)
			others.check()
			st := s.settled(t)
			if sent := others.sent + n; st.Published != sent {
				t.Errorf("published %d, sent %d", st.Published, sent)
			}
			if st.Dropped == 0 || len(st.Clients) != 3 || st.DroppedBy[frame.ReasonConnection.String()] == 0 {
				t.Errorf("dropped %v, %d clients left", st.DroppedBy, len(st.Clients))
			}
		})
	}
}

// TestNeverWrites has a client that sends hello and then nothing, not even pong.
func TestNeverWrites(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{Heartbeat: time.Second})
	others := s.newPair(t)
	p := s.greet(t)
	p.expect(frame.TypePing)
	p.expectEnd(frame.CodeHeartbeat)
	s.refused(t, frame.CodeHeartbeat, 1)
	others.check()
	s.settled(t)
}

// TestHeartbeatKeepsQuietClients holds that a client which only answers stays.
func TestHeartbeatKeepsQuietClients(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{Heartbeat: time.Second})
	quiet := s.dial(t, ipc.ClientOptions{NoReconnect: true})
	p := s.greet(t)
	for range 2 {
		f := p.expect(frame.TypePing)
		p.send(encode(frame.Fields{Type: frame.TypePong, ID: f.ID(), Time: f.Time()}))
	}
	flush(t, quiet)
	if st := s.stats(t); len(st.Refused) > 0 || len(st.Clients) != 2 {
		t.Errorf("%d clients, refused %v", len(st.Clients), st.Refused)
	}
}

// TestServerSendsPings holds that a client which always writes, and so is never asked for
// a sign of life, gets pings when the server has nothing else to send.
func TestServerSendsPings(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{Heartbeat: time.Second})
	p := s.greet(t)
	done := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := p.conn.Write(message(1, "events.a", "")); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	defer writing.Wait()
	defer close(done)
	p.expect(frame.TypePing)
	p.expect(frame.TypePing)
}

// TestFlood has a client that publishes as fast as the socket takes it, to a subscriber
// that keeps up and without one.
func TestFlood(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	others := s.newPair(t)
	p := s.greet(t)
	var b []byte
	for id := range uint64(1000) {
		b = append(b, message(id, fmt.Sprintf("events.flood.%d", id), "x")...)
	}
	const rounds = 300
	for range rounds {
		p.send(b)
	}
	p.flush(1)
	others.check()
	st := s.settled(t)
	if want := others.sent + rounds*1000; st.Published != want {
		t.Errorf("published %d, want %d", st.Published, want)
	}
}

// TestPublishRate holds that a client which is too fast is not read for a while, which is
// counted, that this does not count as its silence, and that nothing is lost by it.
func TestPublishRate(t *testing.T) {
	t.Parallel()
	const rate, n = 5_000, 10_000 // the slowest of machines publishes faster
	s := start(t, router.Options{MaxQueued: n}, ipc.Options{PublishRate: rate, Heartbeat: time.Second})
	sub := s.dial(t, ipc.ClientOptions{Name: "slow"})
	got := make(chan struct{}, n)
	subscribe(t, sub, router.Subscription{Patterns: []string{"events.#"}, Handler: func(m *router.Message) {
		if m.Gap != nil {
			t.Errorf("%s", m.Gap)
		}
		got <- struct{}{}
	}})
	c := s.dial(t, ipc.ClientOptions{Name: "fast"})
	out := publisher(t, c, "events.fast")
	for range n {
		if err := out.Publish(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, c)
	for range n {
		<-got
	}
	if st := s.settled(t); len(st.Refused) > 0 || st.Published != n {
		t.Errorf("published %d of %d, refused %v", st.Published, n, st.Refused)
	} else if len(st.Clients) != 2 || st.Clients[0].Paused != 0 || st.Clients[1].Paused == 0 {
		t.Errorf("paused %+v, want the fast one", st.Clients)
	}
}

// TestPublishRateCountsControlFrames has a client that sends control frames only, or frames
// that are at fault: it is made to wait all the same.
func TestPublishRateCountsControlFrames(t *testing.T) {
	for name, ask := range map[string]func(id uint64) []byte{
		"pings":           func(id uint64) []byte { return encode(frame.Fields{Type: frame.TypePing, ID: id}) },
		"pongs":           func(id uint64) []byte { return encode(frame.Fields{Type: frame.TypePong, ID: id}) },
		"faults":          func(id uint64) []byte { return altered(message(id, "events.a", ""), 5, 99) },
		"unsubscriptions": func(id uint64) []byte { return encode(frame.Fields{Type: frame.TypeUnsubscribe, ID: id}) },
		"subscriptions":   func(id uint64) []byte { return spec(id, `{"topic_patterns":["events.#"]}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, router.Options{}, ipc.Options{PublishRate: 10})
			p := s.greet(t)
			var b []byte
			for id := range uint64(1000) {
				b = append(b, ask(id+1)...)
			}
			p.send(b)
			s.await(t, "a pause", func(st *router.Stats) bool { return st.Clients[0].Paused == 1 })
		})
	}
}

// TestPublishRateFillsTheSocket has a rate that one read exhausts for hours: the
// rest stays where the client put it, until it can put no more.
func TestPublishRateFillsTheSocket(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{PublishRate: 1})
	p := s.greet(t)
	var b []byte
	for id := range uint64(1000) {
		b = append(b, message(id, "events.a", "x")...)
	}
	p.send(b)
	s.await(t, "something routed", func(st *router.Stats) bool { return st.Published > 0 })
	if err := p.conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	written := 0
	for {
		n, err := p.conn.Write(b)
		if written += n; err != nil {
			break
		}
		if written > 64<<20 {
			t.Fatal("the server reads on and on")
		}
	}
	if st := s.stats(t); st.Published >= uint64(written/len(message(1, "events.a", "x"))) {
		t.Errorf("published %d messages, all that were written", st.Published)
	}
	p.conn.Close() // a client that has gone is read to its end
	s.await(t, "the client is gone", func(st *router.Stats) bool { return len(st.Clients) == 0 })
}
