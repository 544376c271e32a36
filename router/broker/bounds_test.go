package broker_test

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
)

// alone is a broker on whose routing thread the test runs.
type alone struct {
	*broker.Broker
	t testing.TB
}

func serveAlone(t testing.TB, o router.Options, do func(alone)) {
	t.Helper()
	b := serve(t, o)
	waits, goesOn := make(chan struct{}), make(chan struct{})
	if !b.Post(func() { close(waits); <-goesOn }) {
		t.Fatal("the broker has stopped")
	}
	defer close(goesOn)
	<-waits
	do(alone{b, t})
}

// session attaches a client that takes nothing; it ends with the broker.
func (a alone) session(name string) *broker.Session {
	return a.Attach(router.Identity{Name: name}, nowhere{}, nil, 0)
}

// subscribe adds n subscriptions like spec to a session.
func (a alone) subscribe(p *broker.Session, n int, spec router.Subscription) {
	a.t.Helper()
	for range n {
		id := uint64(1)
		for p.Sub(id) != nil {
			id++
		}
		if _, _, err := p.Subscribe(id, spec); err != nil {
			a.t.Fatalf("subscription %d: %v", id, err)
		}
	}
}

// publish routes a message for each of topics, in one batch of p, and checks that memory is
// within its limit afterwards.
func (a alone) publish(p *broker.Session, payload []byte, topics ...string) {
	a.t.Helper()
	const most = 256 << 10
	buf := a.Pool().Get(most)
	for _, topic := range topics {
		off := len(buf.B)
		out, err := frame.Append(buf.B, &frame.Fields{Type: frame.TypePublish, Topic: topic, Payload: payload, Priority: frame.NormalPriority})
		if err != nil {
			a.t.Fatal(err)
		}
		buf.B = out
		if err := p.Handle(buf, off, frame.Frame(out[off:])); err != nil {
			a.t.Fatal(err)
		}
		if len(buf.B) > most-(64<<10) {
			a.EndBatch()
			buf.Release(1)
			buf = a.Pool().Get(most)
		}
	}
	a.EndBatch()
	buf.Release(1)
	if room := a.Room(); room < 0 {
		a.t.Fatalf("%d bytes are kept beyond the limit", -room)
	}
}

// heap returns the bytes of live objects.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// charged returns what is charged, without buffers.
func (a alone) charged() (sum int64) { return a.Options().MaxMemory - a.Room() - a.Pool().Live() }

// The broker charges what clients make it keep: never less than the heap grows by, and not
// several times as much.
func TestWhatIsKeptIsCharged(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	sessions := func(n int, do func(a alone, p *broker.Session, i int)) func(a alone) {
		return func(a alone) {
			for i := range n {
				do(a, a.session("client"), i)
			}
		}
	}
	for _, tc := range []struct {
		name  string
		most  float64 // charged bytes to kept bytes
		build func(a alone)
	}{
		{"sessions", 2, sessions(1000, func(alone, *broker.Session, int) {})},
		{"subscriptions", 2, sessions(20, func(a alone, p *broker.Session, _ int) {
			a.subscribe(p, 256, router.Subscription{Patterns: []string{"events.t.#"}})
		})},
		{"patterns", 2.5, sessions(20, func(a alone, p *broker.Session, i int) {
			for j := range 64 {
				var ps []string
				for k := range 64 {
					ps = append(ps, fmt.Sprintf("a%d.b%d.c%d.d.e.f.g.h", i, j, k))
				}
				if _, _, err := p.Subscribe(uint64(j+1), router.Subscription{Patterns: ps}); err != nil {
					t.Fatal(err)
				}
			}
		})},
		{"filters", 3, sessions(20, func(a alone, p *broker.Session, i int) {
			for j := range 16 {
				var ids []string
				for k := range 200 {
					ids = append(ids, fmt.Sprintf("%d-%d-%d", i, j, k))
				}
				_, _, err := p.Subscribe(uint64(j+1), router.Subscription{Patterns: []string{"a"}, CorrelationFilter: &router.CorrelationFilter{IDs: ids}})
				if err != nil {
					t.Fatal(err)
				}
			}
		})},
		{"slots of queues", 2, sessions(4, func(a alone, p *broker.Session, i int) {
			a.subscribe(p, 256, router.Subscription{Patterns: []string{"a.b"}})
			if i == 3 {
				for range 1000 {
					a.publish(p, nil, "a.b")
				}
			}
		})},
		{"conflated topics", 2, sessions(4, func(a alone, p *broker.Session, i int) {
			a.subscribe(p, 16, router.Subscription{Patterns: []string{"a.#"}, Overflow: router.Conflate})
			if i == 3 {
				for k := range 999 {
					a.publish(p, nil, fmt.Sprintf("a.%0200d", k))
				}
			}
		})},
		{"routes", 3, sessions(4, func(a alone, p *broker.Session, i int) {
			a.subscribe(p, 50, router.Subscription{Patterns: []string{"a.#"}, Queue: 1})
			for k := range 1000 {
				a.publish(p, nil, fmt.Sprintf("a.%d", k))
			}
		})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			serveAlone(t, router.Options{MaxMemory: 1 << 30}, func(a alone) {
				base, before := a.charged(), heap()
				tc.build(a)
				kept := heap() - before - a.Pool().Live()
				got := a.charged() - base
				if got < kept || strconv.IntSize == 64 && float64(got) > tc.most*float64(kept) { // the formulas are of 64-bit machines
					t.Errorf("%d bytes are kept, and %d are charged", kept, got)
				}
			})
		})
	}
}

// Conflating subscriptions keep a slot for each topic. The slots are within the limit, and
// are evicted as any other queue is.
func TestConflatedTopicsAreWithinTheLimit(t *testing.T) {
	serveAlone(t, router.Options{MaxMemory: 16 << 20}, func(a alone) {
		p := a.session("far")
		a.subscribe(p, 100, router.Subscription{Patterns: []string{"a.#"}, Overflow: router.Conflate})
		base := heap()
		for k := range fewerUnderRace(4000, 2000) {
			a.publish(p, []byte("1"), fmt.Sprintf("a.%0240d", k))
		}
		if kept := heap() - base; kept > 16<<20 {
			t.Errorf("%d bytes are kept", kept)
		}
		if a.Dropped() == 0 {
			t.Error("the limit was not reached")
		}
	})
}

// A route lists the subscriptions of its topic. Clients that use ever new topics don't make
// the cache larger than its share, and the broker drops it after they have left.
func TestTheCachesOfTopicsAreBoundedByWeight(t *testing.T) {
	const share = 16 << 20 / 16
	serveAlone(t, router.Options{MaxMemory: 16 << 20}, func(a alone) {
		base := a.charged()
		p := a.session("far")
		a.subscribe(p, 256, router.Subscription{Patterns: []string{"a.#"}, Queue: 1})
		others := a.session("others")
		before, shrank := a.ChargedFor("routes"), false
		for k := range fewerUnderRace(5000, 1000) {
			a.publish([]*broker.Session{p, others}[k%2], nil, fmt.Sprintf("a.%d", k))
			n := a.ChargedFor("routes")
			if n > share {
				t.Fatalf("after %d topics %d bytes are charged for the caches, want at most %d", k, n, share)
			}
			before, shrank = n, shrank || n < before
		}
		if !shrank {
			t.Error("the bound was not reached")
		}
		p.Close()
		others.Close()
		a.Tick()
		if n := a.charged(); n != base {
			t.Errorf("when the clients have ended %d bytes more are charged than before", n-base)
		}
	})
}

// A queue allocates slots as messages come, and frees them when it has been empty for a
// while.
func TestSlotsOfAnEmptyQueueAreGivenBack(t *testing.T) {
	serveAlone(t, router.Options{}, func(a alone) {
		far := &farEnd{b: a.Broker}
		far.session = a.Attach(router.Identity{Name: "far"}, far, nil, 0)
		defer far.close()
		a.subscribe(far.session, 10, router.Subscription{Patterns: []string{"a"}})
		a.subscribe(far.session, 10, router.Subscription{Patterns: []string{"a"}, Overflow: router.Conflate})
		if n := a.ChargedFor("queues"); n != 0 {
			t.Errorf("%d bytes are charged for queues that nothing came to", n)
		}
		for range 100 {
			a.publish(far.session, nil, "a")
		}
		if n := a.ChargedFor("queues"); n < 10*100*32 {
			t.Errorf("%d bytes are charged for 1000 messages", n)
		}
		far.room = 1 << 20
		far.Drain(far.session)
		a.Tick()
		a.Tick()
		if n := a.ChargedFor("queues"); n != 0 {
			t.Errorf("%d bytes are charged for queues that are empty", n)
		}
	})
}

// When memory is full, a message makes the broker weigh a bounded number of queues, however
// many subscriptions there are: those that it is for, and those that it evicts from.
func TestFullMemoryVisitsFewQueues(t *testing.T) {
	for _, subs := range []int{256, 4096} {
		t.Run(fmt.Sprintf("subs=%d", subs), func(t *testing.T) {
			serveAlone(t, router.Options{MaxMemory: 64 << 20}, func(a alone) {
				var topics []string
				p := a.session("far")
				for i := range subs {
					topics = append(topics, fmt.Sprintf("a.t%d", i))
					if i%256 == 0 {
						p = a.session("far")
					}
					a.subscribe(p, 1, router.Subscription{Patterns: []string{topics[i]}})
				}
				payload := make([]byte, 60<<10)
				for i := 0; !a.Tracking(); i++ {
					a.publish(p, payload, topics[i%subs])
				}
				const n = 4000
				before, dropped := a.Visited(), a.Dropped()
				for i := range n {
					a.publish(p, payload, topics[(i*7)%subs])
				}
				evicted := a.Dropped() - dropped
				if evicted < n/2 {
					t.Fatalf("%d of %d messages were evicted: memory is not full", evicted, n)
				}
				if looks := a.Visited() - before; looks > 4*n {
					t.Errorf("%d messages visited %d queues", n, looks)
				}
			})
		})
	}
}

// Where queues are full of the past, dropping one message frees nothing, because the replay
// has it too, and a queue frees its slots only when it is empty. The broker then empties one
// queue, instead of all of them in step.
func TestMemoryThatIsFullOfThePastVisitsFewQueues(t *testing.T) {
	const subs, past = 256, 1000
	rule := router.ReplayRule{Pattern: "a.#", MaxCount: past, MaxBytes: 1 << 20}
	serveAlone(t, router.Options{MaxMemory: 8 << 20, Replay: []router.ReplayRule{rule}}, func(a alone) {
		p := a.session("publisher")
		for range past {
			a.publish(p, nil, "a.b")
		}
		far := a.session("far")
		most := uint64(0)
		for range subs {
			before := a.Visited()
			a.subscribe(far, 1, router.Subscription{Patterns: []string{"a.#"}, ReplayFrom: 1})
			most = max(most, a.Visited()-before)
		}
		if a.Dropped() == 0 {
			t.Fatalf("memory is not full: %d bytes are left", a.Room())
		}
		if most > 8*past {
			t.Errorf("a subscription to %d messages of the past visited %d queues", past, most)
		}
	})
}

// The subscriptions of a client take at most its share of the memory. The error names the
// limit. Other clients have shares of their own.
func TestSubscriptionsHaveAShareOfTheMemory(t *testing.T) {
	serveAlone(t, router.Options{MaxMemory: 8 << 20, MaxSubscriptions: 1 << 20}, func(a alone) {
		fill := func(p *broker.Session) (n int) {
			for ; ; n++ {
				_, _, err := p.Subscribe(uint64(n+1), router.Subscription{Patterns: []string{fmt.Sprintf("%d.%d", p.ID(), n)}})
				var le *router.LimitError
				if errors.As(err, &le) {
					if le.Limit != "max_memory_bytes" && !strings.HasPrefix(le.Limit, "max_pattern") {
						t.Errorf("refused for %s", le.Limit)
					}
					return n
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		var sessions []*broker.Session
		for i := range 64 {
			p := a.session(fmt.Sprint("client ", i))
			sessions = append(sessions, p)
			if n := fill(p); n < 10 {
				t.Errorf("client %d got %d subscriptions", i, n)
			}
		}
		if n := a.ChargedFor("subscriptions"); n > 4<<20 {
			t.Errorf("%d bytes are charged for subscriptions, want at most half of the memory", n)
		}
		for _, p := range sessions {
			p.Close()
		}
		if n := a.ChargedFor("subscriptions"); n != 0 {
			t.Errorf("%d bytes are charged for subscriptions that have ended", n)
		}
	})
}
