package broker_test

import (
	"fmt"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// allocs holds that f allocates nothing. It runs f many times in each run, because
// AllocsPerRun rounds down.
func allocs(t *testing.T, f func()) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const each = 20
	if n := testing.AllocsPerRun(1000, func() {
		for range each {
			f()
		}
	}); n != 0 {
		t.Errorf("%v allocations in %d messages, want 0", n, each)
	}
}

// From Publish to the handler, through the routing thread and a queue, nothing
// is allocated for a message: not by the publisher, not by the broker, not by
// the subscriber. AllocsPerRun counts what all goroutines allocate.
func TestAMessageAllocatesNothing(t *testing.T) {
	for _, tc := range []struct {
		name string
		spec router.Subscription
		o    router.Options
	}{
		{name: "drop-oldest"},
		{name: "drop-newest", spec: router.Subscription{Overflow: router.DropNewest}},
		{name: "conflate", spec: router.Subscription{Overflow: router.Conflate}},
		{name: "in a group", spec: router.Subscription{Group: "g"}},
		{name: "with a filter", spec: router.Subscription{
			EventFilter:       &router.EventFilter{MinPriority: 1, PIDs: []uint32{7}, Metadata: map[string]string{"k": "v"}, Topics: []string{"events.+"}},
			CorrelationFilter: &router.CorrelationFilter{Patterns: []string{"a*b"}, AnyTags: map[string]string{"x": "y"}},
		}},
		{name: "kept for a replay", o: router.Options{Replay: []router.ReplayRule{{Pattern: "#", MaxCount: 100}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := serve(t, tc.o)
			c := client(t, b, "c")
			got := make(chan struct{}, 1)
			tc.spec.Patterns = []string{"events.#"}
			tc.spec.Handler = func(*router.Message) { got <- struct{}{} }
			for range 3 {
				subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}, Handler: func(*router.Message) {}})
			}
			subscribe(t, c, tc.spec)
			ext := extension(t, frame.Meta{
				Correlation: frame.Correlation{ID: "a-b", Tags: map[string]string{"x": "y"}}, PID: 7, Metadata: map[string]string{"k": "v"},
			})
			p, payload := publisher(t, c, "events.x"), make([]byte, 128)
			allocs(t, func() {
				if err := p.PublishMeta(payload, ext); err != nil {
					t.Error(err)
				}
				<-got
			})
		})
	}
}

// A queue that is full, and whose consumer is slow, costs nothing more.
func TestAnOverflowAllocatesNothing(t *testing.T) {
	for _, o := range []router.Overflow{router.DropOldest, router.DropNewest, router.Conflate} {
		t.Run(string(o), func(t *testing.T) {
			b := serve(t, router.Options{})
			c := client(t, b, "c")
			subscribe(t, c, router.Subscription{Patterns: []string{"a"}, Overflow: o, Queue: 10})
			p := publisher(t, c, "a")
			allocs(t, func() {
				if err := p.Publish(nil); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestMatchingAllocatesNothing(t *testing.T) {
	ps, err := router.ParsePatterns("events.process.+", "+.+.+", "events.*", "control.#")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	allocs(t, func() {
		for i := range ps {
			if ps[i].Match("events.process.start") {
				n++
			}
		}
	})
	if n == 0 {
		t.Error("nothing matches")
	}
}

// Sessions and the broker cache topics. A lookup of a cached topic allocates nothing.
func TestATopicThatIsKnownAllocatesNothing(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	got := make(chan struct{}, 1)
	subscribe(t, c, router.Subscription{Patterns: []string{"#"}, Handler: func(*router.Message) { got <- struct{}{} }})
	var ps []router.Publisher
	for i := range 100 {
		ps = append(ps, publisher(t, c, fmt.Sprintf("events.t%d", i)))
	}
	i := 0
	round := func() {
		if err := ps[i%len(ps)].Publish(nil); err != nil {
			t.Error(err)
		}
		i++
		<-got
	}
	for range ps {
		round()
	}
	allocs(t, round)
}
