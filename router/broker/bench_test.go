package broker_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
)

// BenchmarkRoute is what one message costs the routing thread, alone: lookup,
// stamp, and a push for each subscriber. Publishing and consuming go on in
// other goroutines in the life of a broker; here the queues are left full, so a
// push evicts, which is the dearest way. It takes batches of 64, as they come
// from a socket or an in-process ring.
func BenchmarkRoute(b *testing.B) {
	for _, subs := range []int{1, 4, 32} {
		b.Run(fmt.Sprintf("subs=%d", subs), func(b *testing.B) {
			br := serve(b, router.Options{})
			done := make(chan struct{})
			br.Post(func() { // all of it is the routing thread's
				defer close(done)
				benchmarkRoute(b, br, subs)
			})
			<-done
		})
	}
}

func benchmarkRoute(b *testing.B, br *broker.Broker, subs int) {
	const batch = 64
	port := br.Attach(router.Identity{Name: "publisher"}, nowhere{}, nil, 0)
	defer port.Close()
	for id := range subs {
		if _, _, err := port.Subscribe(uint64(id+1), router.Subscription{Patterns: []string{"events.#"}}); err != nil {
			b.Error(err)
			return
		}
	}
	buf := br.Pool().Get(64 << 10)
	defer buf.Release(1)
	var offs []int
	for range batch {
		offs = append(offs, len(buf.B))
		buf.B, _ = frame.Append(buf.B, &frame.Fields{Type: frame.TypePublish, Topic: "events.process.start", Payload: make([]byte, 128)})
	}
	offs = append(offs, len(buf.B))
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch {
			if err := port.Handle(buf, offs[i], frame.Frame(buf.B[offs[i]:offs[i+1]])); err != nil {
				b.Error(err)
				return
			}
		}
		br.EndBatch()
	}
	n := float64(b.N * batch)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/msg")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n/float64(subs), "ns/delivery")
}

// nowhere is a sink that takes nothing.
type nowhere struct{}

func (nowhere) Drain(*broker.Session)         {}
func (nowhere) Disconnect(frame.Code, string) {}
func (nowhere) Tick(int64)                    {}

// BenchmarkPublish is the whole way in one process, on all cores: publishers,
// the routing thread, and consumers that take what they can.
func BenchmarkPublish(b *testing.B) {
	for _, pubs := range []int{1, 4, 32} {
		for _, subs := range []int{1, 4, 32} {
			b.Run(fmt.Sprintf("pubs=%d/subs=%d", pubs, subs), func(b *testing.B) { benchmarkPublish(b, pubs, subs) })
		}
	}
}

func benchmarkPublish(b *testing.B, pubs, subs int) {
	br := serve(b, router.Options{})
	var consumers []router.Subscriber
	for i := range subs {
		c := client(b, br, fmt.Sprint("subscriber ", i))
		consumers = append(consumers, subscribe(b, c, router.Subscription{Patterns: []string{"events.#"}, Handler: func(*router.Message) {}}))
	}
	var publishers []*broker.LocalClient
	for i := range pubs {
		publishers = append(publishers, client(b, br, fmt.Sprint("publisher ", i)))
	}
	const each = 1000
	payload := make([]byte, 128)
	b.ReportAllocs()
	for b.Loop() {
		var all sync.WaitGroup
		for _, c := range publishers {
			all.Go(func() {
				p, err := c.Publisher("events.process.start")
				for range each / pubs {
					if err == nil {
						err = p.Publish(payload)
					}
				}
				if err != nil {
					b.Error(err)
				}
				flush(b, c)
			})
		}
		all.Wait()
	}
	n := float64(b.N * (each / pubs) * pubs)
	delivered := uint64(0)
	for _, s := range consumers {
		delivered += s.Stats().Delivered
	}
	b.ReportMetric(n/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(float64(delivered)/n, "deliveries/msg")
}

func BenchmarkMatch(b *testing.B) {
	for _, pattern := range []string{"events.process.start", "events.+.start", "events.#", "*"} {
		b.Run("pattern="+pattern, func(b *testing.B) {
			p, err := router.ParsePattern(pattern, true)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if !p.Match("events.process.start") {
					b.Fatal("no match")
				}
			}
		})
	}
}

// BenchmarkFilter is what a filter adds to a message, by what it looks at.
func BenchmarkFilter(b *testing.B) {
	meta := frame.Meta{
		Correlation: frame.Correlation{ID: "scan-4711-7", Root: "scan-4711", Sequence: 9, HasSequence: true, Stage: "collect", Tags: map[string]string{"host": "a", "zone": "b"}},
		EventType:   "exec", PID: 4711, Metadata: map[string]string{"k": "v"},
	}
	for _, tc := range []struct {
		name string
		spec router.Subscription
	}{
		{"priority", router.Subscription{EventFilter: &router.EventFilter{MinPriority: 1}}},
		{"pid", router.Subscription{EventFilter: &router.EventFilter{PIDs: []uint32{1, 2, 4711}}}},
		{"event-type", router.Subscription{EventFilter: &router.EventFilter{EventTypes: []string{"exit", "exec"}}}},
		{"tags", router.Subscription{CorrelationFilter: &router.CorrelationFilter{RequiredTags: map[string]string{"host": "a", "zone": "b"}}}},
		{"glob", router.Subscription{CorrelationFilter: &router.CorrelationFilter{Patterns: []string{"*-7"}}}},
	} {
		b.Run("by="+tc.name, func(b *testing.B) {
			tc.spec.Patterns = []string{"#"}
			match, err := broker.Filter(tc.spec)
			if err != nil {
				b.Fatal(err)
			}
			f, err := frame.Append(nil, &frame.Fields{Type: frame.TypePublish, Priority: 5, Topic: "events.x", Extension: extension(b, meta)})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if !match(f, "events.x", "procmond") {
					b.Fatal("no match")
				}
			}
		})
	}
}

// BenchmarkRouteFiltered is what a message costs that 124 subscriptions with 32 globs each
// look at, and turns down.
func BenchmarkRouteFiltered(b *testing.B) {
	serveAlone(b, router.Options{}, func(a alone) {
		p := a.session("far")
		a.subscribe(p, 124, globs(32))
		f := publishFrame(b, "a", frame.Meta{Correlation: frame.Correlation{ID: "scan-4711-7", Root: "scan-4711"}})
		n := 0
		for b.Loop() {
			for !p.BeginTurn() {
			}
			n += a.turn(p, f, 64)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/msg")
		b.ReportMetric(float64(n)/float64(b.N), "msg/turn")
	})
}
