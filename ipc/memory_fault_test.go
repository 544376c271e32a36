package ipc_test

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestFullMemory has subscribers that never read hold more than the limit. Their
// oldest messages go, and those of others do not.
func TestFullMemory(t *testing.T) {
	t.Parallel()
	const limit = 8 << 20
	s := start(t, router.Options{MaxMemory: limit, MaxQueued: 5000}, ipc.Options{})
	others := s.newPair(t)
	peers := make([]*peer, 4)
	for i := range peers {
		peers[i] = s.greet(t)
		peers[i].subscribe(1, router.Subscription{Patterns: []string{fmt.Sprintf("events.p%d", i)}})
	}
	c := s.dial(t, ipc.ClientOptions{})
	payload := make([]byte, 4000)
	for i := range peers {
		out := publisher(t, c, fmt.Sprintf("events.p%d", i))
		for range 4000 {
			if err := out.Publish(payload); err != nil {
				t.Fatal(err)
			}
		}
	}
	flush(t, c)
	st := s.await(t, "memory is the reason", func(st *router.Stats) bool {
		return st.DroppedBy[frame.ReasonMemory.String()] > 0 && st.BufferBytes <= limit
	})
	if st.Queued == 0 {
		t.Error("everything was dropped, and not the oldest only")
	}
	others.check()
	for _, p := range peers {
		p.conn.Close()
	}
	s.settled(t)
}

// TestSparseSubscribers has subscribers that take one message of many, and read late or
// never. They leave little in their queues, or half written, but it lies in buffers that
// are full of messages for another client, which must lose nothing by that.
func TestSparseSubscribers(t *testing.T) {
	for _, tc := range []struct {
		name                      string
		peers, rounds, size, read int // rare messages for each, their size, what is read at the end
	}{
		{"read nothing", 1, 1200, 100, 0},
		{"read too little", 16, 70, 12000, 400_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			const limit = 8 << 20
			s := start(t, router.Options{MaxMemory: limit}, ipc.Options{})
			sub, c := s.dial(t, ipc.ClientOptions{}), s.dial(t, ipc.ClientOptions{})
			var got atomic.Uint64
			subscribe(t, sub, router.Subscription{Patterns: []string{"events.many"}, Handler: func(m *router.Message) {
				if m.Gap != nil {
					t.Errorf("%s", m.Gap)
					got.Add(m.Gap.Count)
					return
				}
				got.Add(1)
			}})
			many := publisher(t, c, "events.many")
			sent := uint64(0)
			peers := make([]*peer, tc.peers)
			for i := range peers {
				p := s.greet(t)
				topic := fmt.Sprintf("events.rare.%d", i)
				p.subscribe(1, router.Subscription{Patterns: []string{topic}})
				rare := publisher(t, c, topic)
				for range tc.rounds {
					if err := rare.Publish(make([]byte, tc.size)); err != nil {
						t.Fatal(err)
					}
					for range 130 {
						if err := many.Publish(make([]byte, 2000)); err != nil {
							t.Fatal(err)
						}
						sent++
					}
					eventually(t, "the other keeps up", func() bool { return sent-got.Load() < 300 })
				}
				if _, err := io.ReadFull(p.conn, make([]byte, tc.read)); err != nil {
					t.Fatal(err)
				}
				peers[i] = p
			}
			flush(t, c)
			if st := s.stats(t); st.BufferBytes > limit || st.DroppedBy[frame.ReasonMemory.String()] == 0 {
				t.Errorf("%d bytes of buffers, want at most %d; dropped %v", st.BufferBytes, limit, st.DroppedBy)
			}
			for _, p := range peers {
				p.conn.Close()
			}
			s.settled(t)
		})
	}
}

// TestHalfFramesOverMemory begins more large frames than half of the memory takes:
// the one that was begun first goes, the others are finished and routed.
func TestHalfFramesOverMemory(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{MaxMemory: 4 << 20}, ipc.Options{})
	others := s.newPair(t)
	whole := message(1, "events.large", string(make([]byte, 900<<10)))
	half := 100 << 10
	peers := make([]*peer, 3)
	for i := range peers {
		peers[i] = s.greet(t)
		peers[i].send(whole[:half])
		if i < 2 {
			s.await(t, "half frames", func(st *router.Stats) bool { return st.BufferBytes >= int64(i+1)<<20 })
		}
	}
	peers[0].expectError(0, frame.CodeMemory, true)
	peers[0].expectEnd(frame.CodeMemory)
	s.refused(t, frame.CodeMemory, 1)
	for _, p := range peers[1:] {
		p.send(whole[half:])
		p.flush(1)
	}
	others.check()
	st := s.settled(t)
	if want := others.sent + 2; st.Published != want || st.Refused[frame.CodeMemory.String()] != 1 {
		t.Errorf("published %d, want %d; refused %v", st.Published, want, st.Refused)
	}
}

// TestFewBytesReserveNothingForLong begins large frames with five bytes each: a
// good client's large message is routed whatever they hold.
func TestFewBytesReserveNothingForLong(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{MaxMemory: 16 << 20}, ipc.Options{})
	others := s.newPair(t)
	whole := message(1, "events.large", string(make([]byte, 900<<10)))
	for range 20 {
		p := s.greet(t)
		p.send(whole[:5])
	}
	c := s.dial(t, ipc.ClientOptions{NoReconnect: true})
	for range 5 {
		if err := c.Publish(t.Context(), router.Outgoing{Topic: "events.large", Payload: make([]byte, 900<<10)}); err != nil {
			t.Fatal(err)
		}
		flush(t, c)
	}
	others.check()
	if st := s.stats(t); st.Published != others.sent+5 {
		t.Errorf("published %d, want %d", st.Published, others.sent+5)
	}
}

// TestFramesAreFinishedInTime has frames that are begun and not finished, one of them with
// a byte now and then: both end their connections, and no other.
func TestFramesAreFinishedInTime(t *testing.T) {
	for name, tc := range map[string]struct {
		begin int
		drip  bool
	}{
		"five bytes":              {5, false},
		"a large frame":           {100 << 10, false},
		"a byte now and then":     {5, true},
		"a byte of a large frame": {100 << 10, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, router.Options{}, ipc.Options{ConnectionTimeout: expiry})
			others := s.newPair(t)
			p := s.greet(t)
			whole := message(1, "events.large", string(make([]byte, 900<<10)))
			p.send(whole[:tc.begin])
			done := make(chan struct{})
			var dripping sync.WaitGroup
			if tc.drip {
				dripping.Go(func() {
					tick := time.NewTicker(20 * time.Millisecond)
					defer tick.Stop()
					for i := tc.begin; ; i++ {
						select {
						case <-done:
							return
						case <-tick.C:
							p.conn.Write(whole[i : i+1]) // may have ended
						}
					}
				})
			}
			p.expectError(0, frame.CodeHeartbeat, true)
			p.expectEnd(frame.CodeHeartbeat)
			close(done)
			dripping.Wait()
			s.refused(t, frame.CodeHeartbeat, 1)
			others.check()
			s.settled(t)
		})
	}
}

// TestLittleKeepsLittle has clients leave a few bytes, of a frame that they begin or do
// not take, in one large buffer each. After a while they keep no more than they need.
func TestLittleKeepsLittle(t *testing.T) {
	const n = 16
	leave := func(t *testing.T, s *server, little func(i int)) {
		c := s.dial(t, ipc.ClientOptions{})
		for i := range n {
			little(i)
			for range 3 { // without a subscriber, so that another buffer is read into
				if err := c.Publish(t.Context(), router.Outgoing{Topic: "events.none", Payload: make([]byte, 100<<10)}); err != nil {
					t.Fatal(err)
				}
			}
			flush(t, c)
		}
		eventually(t, "little kept", func() bool { return s.broker.Engine().Pool().Live() <= idleBuffers+n*4<<10 })
	}
	t.Run("begun", func(t *testing.T) {
		t.Parallel()
		s := start(t, router.Options{}, ipc.Options{})
		leave(t, s, func(int) {
			p := s.greet(t)
			p.send(append(message(1, "events.a", ""), message(2, "events.a", "")[:20]...))
			s.await(t, "its first", func(st *router.Stats) bool { return st.Clients[len(st.Clients)-1].Published == 1 })
		})
	})
	t.Run("not taken", func(t *testing.T) {
		t.Parallel()
		s := start(t, router.Options{}, ipc.Options{})
		pub := s.dial(t, ipc.ClientOptions{})
		leave(t, s, func(i int) {
			p := s.greet(t)
			topic := fmt.Sprintf("events.rare%d", i)
			p.subscribe(1, router.Subscription{Patterns: []string{topic}})
			queued := s.stats(t).Queued
			for s.stats(t).Queued == queued {
				if err := pub.Publish(t.Context(), router.Outgoing{Topic: topic, Payload: make([]byte, 2000)}); err != nil {
					t.Fatal(err)
				}
				flush(t, pub)
			}
		})
	})
}

// TestLargeWritesUnderWay has clients take a part of one large message each, together more
// than the limit: no queue can evict them, so that connections give way until the rest fits.
func TestLargeWritesUnderWay(t *testing.T) {
	t.Parallel()
	const limit, peers = 4 << 20, 8
	s := start(t, router.Options{MaxMemory: limit}, ipc.Options{})
	pub := s.dial(t, ipc.ClientOptions{})
	for i := range peers {
		topic := fmt.Sprintf("events.p%d", i)
		s.greet(t).subscribe(1, router.Subscription{Patterns: []string{topic}})
		if err := pub.Publish(t.Context(), router.Outgoing{Topic: topic, Payload: make([]byte, 900<<10)}); err != nil {
			t.Fatal(err)
		}
		flush(t, pub)
	}
	s.refused(t, frame.CodeSlow, 1)
	st := s.await(t, "the rest fits", func(st *router.Stats) bool { return st.BufferBytes <= limit })
	if n := len(st.Clients) - 1; n < 2 || n == peers {
		t.Errorf("%d of %d clients are left", n, peers)
	}
	p := s.greet(t)
	p.subscribe(1, router.Subscription{Patterns: []string{"events.small"}})
	if err := pub.Publish(t.Context(), router.Outgoing{Topic: "events.small", Payload: make([]byte, 1000)}); err != nil {
		t.Fatal(err)
	}
	p.expect(frame.TypeStream)
	p.expect(frame.TypePublish)
}
