package ipc_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// BenchmarkPublish streams messages from one client through the server to others, all in
// this process, as fast as the slowest of them takes them. A window that the queues hold
// keeps anything from being lost, because it would be unfair to measure without the
// subscribers' end, or with losses. Package bench has the processes apart, and the floors
// to compare with.
func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{128, 1024, 16384} {
		for _, subs := range []int{0, 1, 4} {
			b.Run(fmt.Sprintf("size=%d/subs=%d", size, subs), func(b *testing.B) { stream(b, size, subs) })
		}
	}
}

func stream(b *testing.B, size, subs int) {
	s := start(b, router.Options{}, ipc.Options{})
	c := s.dial(b, ipc.ClientOptions{})
	got := make([]atomic.Int64, subs)
	room := make(chan struct{}, 1)
	for i := range got {
		subscribe(b, s.dial(b, ipc.ClientOptions{}), router.Subscription{Patterns: []string{"events.#"}, Handler: func(m *router.Message) {
			if m.Gap != nil {
				b.Errorf("%s", m.Gap)
			}
			if got[i].Add(1)%64 == 0 {
				select {
				case room <- struct{}{}:
				default:
				}
			}
		}})
	}
	slowest := func() int64 {
		least := int64(1) << 62
		for i := range got {
			least = min(least, got[i].Load())
		}
		return least
	}
	out := publisher(b, c, "events.a")
	payload := make([]byte, size)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	sent := int64(0)
	for b.Loop() {
		if err := out.Publish(payload); err != nil {
			b.Fatal(err)
		}
		sent++
		for sent-slowest() >= 900 {
			if err := c.Push(); err != nil {
				b.Fatal(err)
			}
			<-room
		}
	}
	flush(b, c)
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "msg/s")
}

// BenchmarkRoundTrip publishes one message at a time and waits for it: two hops over
// sockets, and all wake-ups on the way.
func BenchmarkRoundTrip(b *testing.B) {
	s := start(b, router.Options{}, ipc.Options{})
	c := s.dial(b, ipc.ClientOptions{})
	got := make(chan struct{})
	subscribe(b, s.dial(b, ipc.ClientOptions{}), router.Subscription{Patterns: []string{"events.#"}, Handler: func(*router.Message) {
		got <- struct{}{}
	}})
	out := publisher(b, c, "events.a")
	payload := make([]byte, 128)
	b.ReportAllocs()
	for b.Loop() {
		if err := out.Publish(payload); err != nil {
			b.Fatal(err)
		}
		if err := c.Push(); err != nil {
			b.Fatal(err)
		}
		<-got
	}
}

// BenchmarkRequest sends requests to the broker itself: one hop there and back.
func BenchmarkRequest(b *testing.B) {
	s := start(b, router.Options{}, ipc.Options{})
	c := s.dial(b, ipc.ClientOptions{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Request(b.Context(), router.StatsTarget, nil); err != nil {
			b.Fatal(err)
		}
	}
}
