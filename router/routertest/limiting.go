package routertest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// What one subscription may have, beside router.MaxPatterns.
const (
	maxFilterEntries = 1024
	maxName          = 256 // bytes, of a group too
)

// limiting are the rules of the broker's limits on subscriptions, and of what it keeps.
var limiting = []testCase{
	{
		name:    "subscriptions are limited",
		rule:    "a client has at most max_subscriptions subscriptions and responders; one more fails with the name of the limit, and succeeds when another has ended",
		options: router.Options{MaxSubscriptions: 2},
		run: func(t *suite) {
			bus := t.dial("bus")
			first := t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			t.subscribe(bus, router.Subscription{Patterns: []string{"demo.x"}})
			_, err := bus.Subscribe(t.ctx(), router.Subscription{Patterns: []string{"demo.x"}})
			t.limited(err, "max_subscriptions is 2, got 3")
			_, err = bus.Respond(t.ctx(), "demo.x", echo)
			t.limited(err, "max_subscriptions is 2, got 3")
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			t.respond(bus, "demo.x", echo)
			t.subscribe(t.dial("other"), router.Subscription{Patterns: []string{"demo.x"}})
		},
	},
	{
		name: "patterns and filters are limited",
		rule: "what the subscriptions of a client list is limited by number and by bytes; more fails with the name of the limit, and other clients have their own",
		run: func(t *suite) {
			const most = 4096
			bus := t.dial("bus")
			spec := router.Subscription{EventFilter: new(router.EventFilter)}
			for i := range router.MaxPatterns {
				spec.Patterns = append(spec.Patterns, fmt.Sprintf("demo.p%d", i))
			}
			for range most / router.MaxPatterns {
				t.subscribe(bus, spec)
			}
			_, err := bus.Subscribe(t.ctx(), spec)
			t.limited(err, fmt.Sprintf("max_patterns_and_filter_entries is %d, got %d", most, most+router.MaxPatterns))
			t.subscribe(t.dial("other"), spec)

			long := router.Subscription{Patterns: []string{"demo.x"}, EventFilter: &router.EventFilter{Metadata: map[string]string{}}}
			for i := range 24 {
				long.EventFilter.Metadata[fmt.Sprintf("%0128d", i)] = strings.Repeat("x", 1024)
			}
			bus = t.dial("bytes")
			for range 100 {
				if _, err = bus.Subscribe(t.ctx(), long); err != nil {
					break
				}
			}
			t.limited(err, fmt.Sprintf("max_pattern_and_filter_bytes is %d", 1<<20))
		},
	},
	{
		name: "a subscription is limited",
		rule: "what one subscription may list, and how long that may be, is limited; more is no valid subscription",
		run: func(t *suite) {
			bus := t.dial("bus")
			ids := make([]string, maxFilterEntries+1)
			for i := range ids {
				ids[i] = fmt.Sprint(i)
			}
			for what, spec := range map[string]router.Subscription{
				"patterns":       {Patterns: ids[:router.MaxPatterns+1]},
				"filter entries": {Patterns: ids[:1], CorrelationFilter: &router.CorrelationFilter{IDs: ids}},
				"its name":       {Patterns: ids[:1], SubscriberID: strings.Repeat("x", maxName+1)},
				"its group":      {Patterns: ids[:1], Group: strings.Repeat("x", maxName+1)},
				"its queue":      {Patterns: ids[:1], Queue: -1},
			} {
				_, err := bus.Subscribe(t.ctx(), spec)
				t.is(what, err, router.ErrSubscription)
			}
			t.subscribe(bus, router.Subscription{
				Patterns: ids[:router.MaxPatterns], CorrelationFilter: &router.CorrelationFilter{IDs: ids[:maxFilterEntries]},
				SubscriberID: strings.Repeat("x", maxName), Group: strings.Repeat("x", maxName),
			})
		},
	},
	{
		name:    "policies are limited",
		rule:    "a subscription has one of the overflow policies that the broker allows; another is denied",
		options: router.Options{Overflows: []router.Overflow{router.Conflate}},
		run: func(t *suite) {
			bus := t.dial("bus")
			for policy, want := range map[router.Overflow]error{
				"": nil, router.DropOldest: nil, router.Conflate: nil, router.DropNewest: router.ErrDenied, router.Disconnect: router.ErrDenied,
			} {
				if _, err := bus.Subscribe(t.ctx(), router.Subscription{Patterns: []string{"demo.x"}, Overflow: policy}); !errors.Is(err, want) {
					t.Errorf("%q: %v, want %v", policy, err, want)
				}
			}
		},
	},
	{
		name:    "queues are limited",
		rule:    "a subscription that asks for a longer queue than max_queued gets that, as the statistics show, and no more waits for it",
		options: router.Options{MaxQueued: 8},
		run: func(t *suite) {
			bus := t.dial("bus")
			t.subscribe(bus, router.Subscription{SubscriberID: "long", Patterns: []string{"demo.x"}, Queue: 100})
			for range 50 {
				t.publish(bus, "demo.x", "")
			}
			t.flush(bus)
			for _, s := range t.stats(bus).Subscriptions {
				if s.Name == "long" && (s.Capacity != 8 || s.Queued > 8 || s.Dropped < 50-8) {
					t.Errorf("capacity %d, %d queued and %d dropped of 50", s.Capacity, s.Queued, s.Dropped)
				}
			}
		},
	},
	{
		name:    "retained values are limited",
		rule:    "the broker keeps max_retained values; for one more the oldest of the client that has most is dropped, and counted",
		options: router.Options{MaxRetained: 3},
		run: func(t *suite) {
			bus := t.dial("bus")
			for i := range 5 {
				if err := bus.Publish(t.ctx(), router.Outgoing{Topic: fmt.Sprintf("demo.%d", i), Payload: []byte("x"), Retain: true}); err != nil {
					t.Fatal(err)
				}
			}
			t.flush(bus)
			if stats := t.stats(bus); stats.Retained != 3 || stats.RetainedDropped != 2 {
				t.Errorf("%d are retained, %d were dropped, want 3 and 2", stats.Retained, stats.RetainedDropped)
			}
			s := t.subscribe(t.dial("late"), router.Subscription{Patterns: []string{"demo.+"}, Retained: true})
			t.expect(s, "x", "x", "x")
		},
	},
}

// limited checks that a call was refused because of a limit, with its name and numbers.
func (t *suite) limited(err error, text string) {
	t.Helper()
	if !errors.Is(err, frame.ErrLimit) || !strings.Contains(err.Error(), text) {
		t.Errorf("%v, want %q", err, text)
	}
}
