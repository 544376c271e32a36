package broker_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/inproc"
)

// BenchmarkRoute measures what one message costs the routing thread alone: a lookup, a
// stamp, and a push for each subscriber. Nothing consumes the messages, so the queues are
// full and each push evicts, which costs most. The messages come in batches of 64, as they
// do from a socket or an in-process ring.
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
	publisher := br.Attach(router.Identity{Name: "publisher"}, nowhere{}, nil, 0)
	defer publisher.Close()
	for id := range subs {
		if _, _, err := publisher.Subscribe(uint64(id+1), router.Subscription{Patterns: []string{"events.#"}}); err != nil {
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
			if err := publisher.Handle(buf, offs[i], frame.Frame(buf.B[offs[i]:offs[i+1]])); err != nil {
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

// BenchmarkPublish measures the whole way in one process, on all cores: publishers, the
// routing thread, and consumers, which lose what they are too slow for.
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
	var publishers []*inproc.Client
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

// BenchmarkFilter measures one evaluation of a filter, by what the filter compares.
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

// BenchmarkRouteFiltered measures a message that 124 subscriptions with 32 globs each
// compare, and that none takes.
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

// BenchmarkMemory measures a delivery when memory is full, so that each message evicts the
// oldest message of some queue. Beside it stands a delivery with memory to spare, which
// evicts the oldest message of its own queue. Each message lies in a buffer of its own, and
// is for one of the subscriptions, or for all.
func BenchmarkMemory(b *testing.B) {
	for _, to := range []string{"one", "all"} {
		for _, subs := range []int{256, 4096} {
			for _, full := range []bool{false, true} {
				b.Run(fmt.Sprintf("to=%s/subs=%d/full=%v", to, subs, full), func(b *testing.B) { benchmarkMemory(b, to, subs, full) })
			}
		}
	}
}

func benchmarkMemory(b *testing.B, to string, subs int, full bool) {
	const queued = 8
	each := 4 << 10 // a buffer of the smallest class
	if to == "all" {
		each = 256 << 10
	}
	kept := int64(subs) * queued * int64(each)
	if to == "all" {
		kept = queued * int64(each)
	}
	o := router.Options{MaxMemory: 2*kept + int64(subs)*8192 + 64<<20, MaxQueued: queued}
	serveAlone(b, o, func(a alone) {
		var p *broker.Session
		var topics []string
		var publishers []*broker.Session // each with fewer topics than are cached for it
		for i := range subs {
			if i%256 == 0 {
				p = a.session("far")
				publishers = append(publishers, p)
			}
			topics = append(topics, map[string]string{"one": fmt.Sprintf("t%d", i), "all": "t"}[to])
			a.subscribe(p, 1, router.Subscription{Patterns: []string{topics[i]}})
		}
		n := 0
		send := func() {
			f := publishFrame(b, topics[n%subs], frame.Meta{})
			buf := a.Pool().Get(each)
			buf.B = append(buf.B, f...)
			if err := publishers[n%subs/256].Handle(buf, 0, frame.Frame(buf.B)); err != nil {
				b.Fatal(err)
			}
			a.EndBatch()
			buf.Release(1)
			n++
		}
		for range 2 * queued * max(subs/map[string]int{"one": 1, "all": subs}[to], 1) {
			send()
		}
		if full { // something else takes half of what the queues keep
			defer a.hold(a.Room() + kept/2).Release(1)
			for range subs {
				send()
			}
		}
		n = 0
		dropped, visited := a.Dropped(), a.Visited()
		for b.Loop() {
			send()
		}
		deliveries := float64(n)
		if to == "all" {
			deliveries *= float64(subs)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/deliveries, "ns/delivery")
		b.ReportMetric(float64(a.Dropped()-dropped)/deliveries, "dropped/delivery")
		b.ReportMetric(float64(a.Visited()-visited)/deliveries, "visits/delivery")
	})
}

// hold takes memory that no eviction can free.
func (a alone) hold(n int64) *buffer.Buffer { return a.Pool().Get(int(max(n, 0))) }

// BenchmarkPast subscribes with a replay, and ends the subscription.
func BenchmarkPast(b *testing.B) {
	for _, n := range []int{100, 1000, 4000} {
		b.Run(fmt.Sprintf("messages=%d", n), func(b *testing.B) {
			rules := []router.ReplayRule{{Pattern: "a.#", MaxCount: n / 2}, {Pattern: "b.#", MaxCount: n / 2}}
			serveAlone(b, router.Options{Replay: rules}, func(a alone) {
				p, q := a.session("publisher"), a.session("subscriber")
				for i := range n {
					a.publish(p, []byte("x"), fmt.Sprintf("%c.t%d", 'a'+i%2, i%7))
				}
				for b.Loop() {
					if _, _, err := q.Subscribe(1, router.Subscription{Patterns: []string{"#"}, ReplayFrom: 1}); err != nil {
						b.Fatal(err)
					}
					q.Unsubscribe(1)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/message")
			})
		})
	}
}
