package ipc_test

import (
	"fmt"
	"io"
	"sync/atomic"
	"testing"

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

// TestSparseSubscribers take one message of many, and read late or never. What
// they leave in their queues, or half written, is little, but lies in buffers that
// are full of messages for another: that one must not pay for it.
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

// TestHalfFramesOverMemory begins more large frames than half of the memory takes.
func TestHalfFramesOverMemory(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{MaxMemory: 4 << 20}, ipc.Options{})
	others := s.newPair(t)
	half := message(1, "events.large", string(make([]byte, 900<<10)))[:100<<10]
	for range 2 {
		p := s.greet(t)
		p.send(half)
	}
	s.await(t, "two half frames", func(st *router.Stats) bool { return st.BufferBytes > 2<<20 })
	p := s.greet(t)
	p.send(half)
	p.expectError(0, frame.CodeMemory, true)
	p.expectEnd(frame.CodeMemory)
	s.refused(t, frame.CodeMemory, 1)
	others.check()
}
