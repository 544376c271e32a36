package live

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/mix"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// looking is a Runner with rules that is not run: a test gives it messages.
func looking(t testing.TB, rules string) *Runner {
	t.Helper()
	r := New(Options{
		Memory: 1 << 20, Settings: Settings{BuiltIn: rules == ""}, Submit: func(*alert.Alert) {},
		Identify: func(context.Context, uint32) (router.Identity, bool, error) { return router.Identity{}, false, nil },
		Owned:    func(event.Type) bool { return true }, Logger: slog.New(slog.DiscardHandler),
	})
	if rules == "" {
		r.Load(AtStart)
		return r
	}
	set := &sigma.Set{}
	set.Add("rules.yml", []byte(rules), sigma.Options{})
	r.loaded.rules = detect.Compile(set, detect.Options{})
	if len(set.Problems) > 0 {
		t.Fatal(set.Problems)
	}
	r.detector = r.loaded.rules.Detector()
	return r
}

// messageOf is an event as it comes from a collector.
func messageOf(t testing.TB, v event.View) *router.Message {
	t.Helper()
	f := frame.Fields{Type: frame.TypePublish, Content: frame.ContentEvent, Topic: "events." + v.Type().String() + ".test", Payload: v, Time: router.Now()}
	b, err := frame.Append(nil, &f)
	if err != nil {
		t.Fatal(err)
	}
	return &router.Message{Frame: b, Payload: v}
}

// ordinary are messages with the events of an ordinary host.
func ordinary(t testing.TB) (all []*router.Message) {
	t.Helper()
	events, err := mix.Events()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range events {
		all = append(all, messageOf(t, v))
	}
	return all
}

// TestWhatMatchesNothingDoesNotAllocate: the whole way of an ordinary event, with the
// rules that come with the agent. Some are counted by correlations, which keeps them.
func TestWhatMatchesNothingDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	r, ctx := looking(t, ""), t.Context()
	silent := 0
	for _, m := range ordinary(t) {
		before := r.detector.Windows()
		r.message(ctx, m)
		if after := r.detector.Windows(); after.Entries+int(after.Ungrouped+after.Valueless) > before.Entries+int(before.Ungrouped+before.Valueless) || after.EvictedEntries > before.EvictedEntries {
			continue
		}
		silent++
		if n := testing.AllocsPerRun(10, func() { r.message(ctx, m) }); n != 0 {
			t.Errorf("%v allocations for %.80s", n, m.Topic())
		}
	}
	if silent < 100 {
		t.Errorf("only %d events of the mix match nothing", silent)
	}
	if r.figures.alerts != 0 {
		t.Errorf("%d alerts", r.figures.alerts)
	}
}

// BenchmarkMessage is the whole way of an ordinary event.
func BenchmarkMessage(b *testing.B) {
	r, ctx, all := looking(b, ""), b.Context(), ordinary(b)
	i := 0
	for b.Loop() {
		r.message(ctx, all[i%len(all)])
		i++
	}
}

// TestARuleThatCostsTooMuchIsNamed: one of many parts that nothing can be skipped of.
func TestARuleThatCostsTooMuchIsNamed(t *testing.T) {
	var slow strings.Builder
	for i := range 20 {
		fmt.Fprintf(&slow, "'[a-z]+[0-9]{%d}[a-z]$', ", i+1)
	}
	r := looking(t, `
title: cheap
level: low
logsource: {category: process_creation}
detection: {s: {Image|endswith: /nowhere}, condition: s}
---
title: dear
id: 5f1d2b1c-0f66-4b52-9d4e-3f5e6f2f8a01
level: low
logsource: {category: process_creation}
detection: {s: {CommandLine|re: [`+slow.String()+`]}, condition: s}
`)
	r.loaded.report = control.RulesReport{Active: 2}
	m := messageOf(t, proc(t, time.Now().UnixNano(), 7, 1, strings.Repeat("abcdefgh x", 300)))
	for range sampled * enough {
		r.figures.events++ // the others are not looked at here
		if r.figures.events%sampled == sampled-1 {
			r.message(t.Context(), m)
		}
	}
	s := r.Status()
	if len(s.Costs) != 1 || s.Costs[0].Title != "dear" || s.Costs[0].PerEvent < costly || s.Costs[0].Share <= 0.5 {
		t.Fatalf("costs are %+v", s.Costs)
	}
	if h := r.Health(time.Now()); h.State != control.Degraded || !strings.Contains(h.Reason, `rule "dear" takes `) {
		t.Errorf("health is %+v", h)
	}
}

// TestTheTimeOfEventsIsTheirs: those that are far off are counted, and rules look at them
// all the same.
func TestTheTimeOfEventsIsTheirs(t *testing.T) {
	const rule = `
title: x
level: low
logsource: {category: process_creation}
detection: {s: {Image: /bin/x}, condition: s}
`
	r := looking(t, rule)
	r.now = time.Now()
	for _, off := range []time.Duration{0, time.Hour, 2 * time.Hour, -time.Hour, 24 * 365 * time.Hour} {
		r.message(t.Context(), messageOf(t, proc(t, r.now.Add(off).UnixNano(), 7, 1, "x")))
	}
	if s := r.Status(); s.Events != 5 || s.Matches != 5 || s.Ahead != 3 || s.Late != 1 {
		t.Errorf("%+v", s)
	}
}

// TestAClockThatIsSetBackBeginsAWindowAnew, so that it is not blind until the clock is
// where it was.
func TestAClockThatIsSetBackBeginsAWindowAnew(t *testing.T) {
	r := looking(t, `
title: x
name: x
level: low
logsource: {category: process_creation}
detection: {s: {Image: /bin/x}, condition: s}
---
title: thrice
level: high
correlation: {type: event_count, rules: [x], timespan: 10s, condition: {gte: 3}}
`)
	var alerts []*alert.Alert
	r.o.Submit = func(a *alert.Alert) { alerts = append(alerts, a) }
	base, jump := time.Unix(1e9, 0), -time.Hour
	for i := range 2 {
		r.message(t.Context(), messageOf(t, proc(t, base.Add(time.Duration(i)*time.Second).UnixNano(), 7, 1, "x")))
	}
	for i := range 3 {
		r.message(t.Context(), messageOf(t, proc(t, base.Add(jump+time.Duration(i)*time.Second).UnixNano(), 7, 1, "x")))
	}
	if len(alerts) != 1 || !alerts[0].First.Equal(base.Add(jump)) || r.Status().Windows.Restarted != 1 {
		t.Errorf("%d alerts, windows %+v", len(alerts), r.Status().Windows)
	}
}
