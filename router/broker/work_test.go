package broker_test

import (
	"fmt"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/internal/brokertest"
)

// globs is a subscription with n globs that match nothing.
func globs(n int) router.Subscription {
	f := new(router.CorrelationFilter)
	for i := range n {
		f.Patterns = append(f.Patterns, fmt.Sprintf("*%d*x", i))
	}
	return router.Subscription{Patterns: []string{"a"}, CorrelationFilter: f}
}

// turn routes frames that lie side by side in one buffer, as a reader of a socket does,
// until the client's work of this turn is used up. It returns how many.
func (a alone) turn(p *broker.Session, f frame.Frame, most int) (n int) {
	a.t.Helper()
	buf := a.Pool().Get(most * len(f))
	defer buf.Release(1)
	for n < most && !p.Spent() {
		off := len(buf.B)
		buf.B = append(buf.B, f...)
		if err := p.Handle(buf, off, frame.Frame(buf.B[off:])); err != nil {
			a.t.Fatal(err)
		}
		n++
	}
	a.EndBatch()
	return n
}

func publishFrame(t testing.TB, topic string, meta frame.Meta) frame.Frame {
	t.Helper()
	f, err := frame.Append(nil, &frame.Fields{Type: frame.TypePublish, Topic: topic, Priority: frame.NormalPriority, Extension: extension(t, meta)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Evaluating the filters of others is work of the client that publishes, and ends its turn.
func TestFiltersAreWorkOfTheTurn(t *testing.T) {
	for _, tc := range []struct {
		name        string
		subs        int
		spec        router.Subscription
		meta        frame.Meta
		least, most int // messages a turn
	}{
		{"no filter", 4, router.Subscription{Patterns: []string{"a"}}, frame.Meta{}, 4000, 4000},
		{"124 subscriptions of 32 globs", 124, globs(32), frame.Meta{Correlation: frame.Correlation{ID: "id"}}, 1, 10},
		{"a few globs", 4, globs(4), frame.Meta{Correlation: frame.Correlation{ID: "id"}}, 256, 1200},
		{"200 subscriptions without a filter", 200, router.Subscription{Patterns: []string{"a"}}, frame.Meta{}, 100, 420},
		{"groups", 1, globs(32), frame.Meta{Correlation: frame.Correlation{ID: "id"}}, 200, 1200},
		{"64 tags", 100, router.Subscription{Patterns: []string{"a"}, CorrelationFilter: &router.CorrelationFilter{AnyTags: map[string]string{"k": "v"}}},
			frame.Meta{Correlation: frame.Correlation{Tags: tagsOf(64)}}, 1, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			serveAlone(t, router.Options{}, func(a alone) {
				p := a.session("far")
				a.subscribe(p, tc.subs, tc.spec)
				f := publishFrame(t, "a", tc.meta)
				p.BeginTurn()
				for range 3 {
					for !p.BeginTurn() {
					}
					if n := a.turn(p, f, 4000); n < tc.least || n > tc.most {
						t.Errorf("%d messages were routed in a turn, want %d to %d", n, tc.least, tc.most)
					}
				}
			})
		})
	}
}

func tagsOf(n int) map[string]string {
	m := make(map[string]string)
	for i := range n {
		m[fmt.Sprint("t", i)] = "v"
	}
	return m
}

// Collecting the past is work of the client that subscribes.
func TestThePastIsWorkOfTheTurn(t *testing.T) {
	serveAlone(t, router.Options{Replay: []router.ReplayRule{{Pattern: "#"}}}, func(a alone) {
		p, q := a.session("publisher"), a.session("subscriber")
		for i := range 1000 {
			for !p.BeginTurn() {
			}
			a.publish(p, nil, fmt.Sprintf("a.%d", i%10))
		}
		q.BeginTurn()
		a.subscribe(q, 1, router.Subscription{Patterns: []string{"#"}})
		if q.Spent() {
			t.Error("a subscription without a past is a turn's work")
		}
		if a.subscribe(q, 1, router.Subscription{Patterns: []string{"#"}, ReplayFrom: 1}); !q.Spent() {
			t.Error("a thousand messages of the past are less than a turn's work")
		}
		if q.BeginTurn() {
			t.Error("they are less than two turns' work")
		}
	})
}

// A thousand subscriptions, or some hundreds, to everything lose messages at once. Each is advised, and each
// gets the advisories, but no more of them in a turn than a turn's work; and what the
// advisories drop makes no others.
func TestAdvisoriesAreBoundedInATurn(t *testing.T) {
	serveAlone(t, router.Options{}, func(a alone) {
		n := uint64(fewerUnderRace(1000, 500))
		p := a.session("publisher")
		for range n / 250 {
			a.subscribe(a.session("reader"), 250, router.Subscription{Patterns: []string{"#"}, Queue: 1})
		}
		a.publish(p, nil, "a", "a") // the second drops the first
		turns := 0
		for before := a.Matched(); ; turns++ {
			a.Turn()
			got := a.Matched() - before
			if before += got; got == 0 {
				break
			}
			if got > broker.TurnWork+n {
				t.Fatalf("turn %d: %d advisories were delivered", turns, got)
			}
		}
		if got := a.Matched(); got != 2*n+n*n || uint64(turns) < n*n/broker.TurnWork {
			t.Errorf("%d messages were matched in %d turns, want 2 and %d advisories for each of %d", got, turns, n, n)
		}
	})
}

// After a message that costs more than a turn, the broker does not read from the client for
// some turns.
func TestWorkBeyondATurnDelaysItsClient(t *testing.T) {
	serveAlone(t, router.Options{}, func(a alone) {
		p := a.session("far")
		p.AddWork(5 * broker.TurnWork)
		turns := 0
		for !p.BeginTurn() {
			turns++
		}
		if turns != 4 || p.Spent() {
			t.Errorf("%d turns were lost, want 4", turns)
		}
	})
}

// An in-process client has as much of a turn as any other. What it sends beyond that is
// routed in later turns, and Flush waits for that.
func TestAnInProcessClientMakesNoMoreThanATurnsWork(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	far, on := attach(t, b, 0)
	on(func() {
		alone{b, t}.subscribe(far.session, 124, globs(32))
	})
	waits, goesOn := make(chan struct{}), make(chan struct{})
	b.Post(func() { close(waits); <-goesOn })
	<-waits
	const n = 500
	ext := extension(t, frame.Meta{Correlation: frame.Correlation{ID: "id"}})
	for range n {
		if err := c.Publish(within(t), router.Outgoing{Topic: "a", Extension: ext}); err != nil {
			t.Fatal(err)
		}
	}
	routed := make(chan uint64)
	b.Post(func() { routed <- b.Published() })
	close(goesOn)
	if got := brokertest.Wait(t, routed); got > 10 {
		t.Errorf("%d messages were routed before another had its turn", got)
	}
	flush(t, c)
	if s := stats(t, b); s.Published != n {
		t.Errorf("%d of %d messages were routed when Flush returned", s.Published, n)
	}
}

// TestMakingRoomIsWorkOfTheTurn has messages on ever new topics for a thousand conflating
// subscriptions: with memory to spare a client may send some in a turn, and at full memory,
// where slots give way in other queues, one.
func TestMakingRoomIsWorkOfTheTurn(t *testing.T) {
	serveAlone(t, router.Options{MaxMemory: 64 << 20, MaxSubscriptions: 1024}, func(a alone) {
		a.subscribe(a.session("far"), 1000, router.Subscription{Patterns: []string{"a.#"}, Overflow: router.Conflate})
		p := a.session("publisher")
		inATurn := func(topic string) (n int) {
			for !p.BeginTurn() {
			}
			for ; !p.Spent(); n++ {
				a.publish(p, nil, fmt.Sprintf("a.%s.%0200d", topic, n))
			}
			return n
		}
		if n := inATurn("spare"); n < 1 || n > 4 {
			t.Errorf("%d messages in a turn with memory to spare", n)
		}
		for i := 0; a.Dropped() == 0; i++ {
			a.publish(p, nil, fmt.Sprintf("a.fill.%0200d", i))
		}
		if n := inATurn("full"); n != 1 {
			t.Errorf("%d messages in a turn at full memory, want one", n)
		}
	})
}
