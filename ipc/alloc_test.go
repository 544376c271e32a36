package ipc_test

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestNoAllocations sends messages all the way, from a publishing client through the
// server to a subscribing one, in this process, and counts the allocations of all
// three.
func TestNoAllocations(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates")
	}
	for name, handled := range map[string]bool{"to a handler": true, "to a loop": false} {
		t.Run(name, func(t *testing.T) {
			s := start(t, router.Options{MaxQueued: 20000}, ipc.Options{})
			pub, sub := s.dial(t, ipc.ClientOptions{}), s.dial(t, ipc.ClientOptions{Queue: 20000})
			var got atomic.Uint64
			count := func(m *router.Message) {
				if m.Gap != nil {
					t.Errorf("%s", m.Gap)
				}
				got.Add(1)
			}
			spec := router.Subscription{Patterns: []string{"events.#"}}
			if handled {
				spec.Handler = count
			}
			in := subscribe(t, sub, spec)
			if !handled {
				go func() { // ends with the client
					for m := range in.Messages(t.Context()) {
						count(m)
					}
				}()
			}
			out := publisher(t, pub, "events.a")
			payload := make([]byte, 128)
			const n = 10000
			sent := uint64(0)
			round := func() {
				for range n {
					if err := out.Publish(payload); err != nil {
						t.Fatal(err)
					}
				}
				sent += n
				if err := pub.Push(); err != nil {
					t.Fatal(err)
				}
				for got.Load() < sent { // eventually would allocate
					runtime.Gosched()
				}
			}
			for range 5 { // buffers grow to what they need
				round()
			}
			perRound := testing.AllocsPerRun(10, round)
			t.Logf("%.0f allocations for %d messages", perRound, n)
			if perRound > n/200 { // waits that park, pools that the collector emptied
				t.Errorf("%.0f allocations for %d messages", perRound, n)
			}
		})
	}
}
