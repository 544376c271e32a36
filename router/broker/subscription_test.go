package broker_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
)

func TestInvalidSubscriptionsAreRefused(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	many := make([]string, router.MaxPatterns+1)
	for i := range many {
		many[i] = "events.#"
	}
	long := strings.Repeat("x", 257)
	ok := []string{"events.#"}
	for _, tc := range []struct {
		name string
		spec router.Subscription
		want error
	}{
		{"no pattern", router.Subscription{}, router.ErrSubscription},
		{"too many patterns", router.Subscription{Patterns: many}, router.ErrSubscription},
		{"a bad pattern", router.Subscription{Patterns: []string{"events.#", "events.#.x"}}, router.ErrPattern},
		{"a wildcard where there may be none", router.Subscription{Patterns: ok, EnableWildcards: ptr(false)}, router.ErrPattern},
		{"a long name", router.Subscription{Patterns: ok, SubscriberID: long}, router.ErrSubscription},
		{"a long group", router.Subscription{Patterns: ok, Group: long}, router.ErrSubscription},
		{"an unknown overflow policy", router.Subscription{Patterns: ok, Overflow: "block"}, router.ErrSubscription},
		{"a negative queue", router.Subscription{Patterns: ok, Queue: -1}, router.ErrSubscription},
		{"a priority above all", router.Subscription{Patterns: ok, Capabilities: router.Capabilities{MaxPriority: ptr(uint8(11))}}, router.ErrSubscription},
		{"a least priority above all", router.Subscription{Patterns: ok, EventFilter: &router.EventFilter{MinPriority: 11}}, router.ErrSubscription},
		{"a bad filter topic", router.Subscription{Patterns: ok, EventFilter: &router.EventFilter{Topics: []string{"a..b"}}}, router.ErrPattern},
		{"a long glob", router.Subscription{Patterns: ok, CorrelationFilter: &router.CorrelationFilter{Patterns: []string{long}}}, router.ErrSubscription},
		{"too many filter entries", router.Subscription{Patterns: ok, EventFilter: &router.EventFilter{PIDs: make([]uint32, 1025)}}, router.ErrSubscription},
		{"too many globs", router.Subscription{Patterns: ok, CorrelationFilter: &router.CorrelationFilter{Patterns: make([]string, 33)}}, router.ErrSubscription},
		{"an id that is longer than there are", router.Subscription{Patterns: ok, CorrelationFilter: &router.CorrelationFilter{IDs: []string{long}}}, router.ErrSubscription},
		{"a tag without a key", router.Subscription{Patterns: ok, CorrelationFilter: &router.CorrelationFilter{AnyTags: map[string]string{"": "x"}}}, router.ErrSubscription},
		{"a value that is longer than there are", router.Subscription{Patterns: ok, EventFilter: &router.EventFilter{Metadata: map[string]string{"k": strings.Repeat("x", 1025)}}}, router.ErrSubscription},
		{"a wildcard in a filter where there may be none", router.Subscription{Patterns: []string{"x"}, EnableWildcards: ptr(false), EventFilter: &router.EventFilter{Topics: ok}}, router.ErrPattern},
		{"a member of a group that asks for the past", router.Subscription{Patterns: ok, Group: "g", ReplayFrom: 1}, router.ErrSubscription},
		{"a member of a group that asks for retained values", router.Subscription{Patterns: ok, Group: "g", Retained: true}, router.ErrSubscription},
		{"a responder with an event filter", router.Subscription{Patterns: []string{"x"}, Respond: true, EventFilter: &router.EventFilter{MinPriority: 1}}, router.ErrSubscription},
		{"a responder with a correlation filter", router.Subscription{Patterns: []string{"x"}, Respond: true, CorrelationFilter: &router.CorrelationFilter{}}, router.ErrSubscription},
		{"a responder with capabilities", router.Subscription{Patterns: []string{"x"}, Respond: true, Capabilities: router.Capabilities{Collectors: []string{"c"}}}, router.ErrSubscription},
		{"a responder to wildcards", router.Subscription{Patterns: ok, Respond: true}, router.ErrPattern},
		{"a responder in a group", router.Subscription{Patterns: []string{"x"}, Respond: true, Group: "g"}, router.ErrSubscription},
		{"a responder that conflates", router.Subscription{Patterns: []string{"x"}, Respond: true, Overflow: router.Conflate}, router.ErrSubscription},
		{"a responder on the broker's own topics", router.Subscription{Patterns: []string{"system.stats"}, Respond: true}, router.ErrReserved},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := c.Subscribe(within(t), tc.spec)
			if !errors.Is(err, tc.want) {
				t.Errorf("Subscribe: %v, want %v", err, tc.want)
			}
			if s != nil {
				t.Errorf("a subscription beside the error")
			}
		})
	}
	if n := len(stats(t, b).Subscriptions); n != 0 {
		t.Errorf("%d subscriptions were added", n)
	}
}

func TestTheNumberOfSubscriptionsIsLimited(t *testing.T) {
	b := serve(t, router.Options{MaxSubscriptions: 2})
	c, other := client(t, b, "c"), client(t, b, "other")
	spec := router.Subscription{Patterns: []string{"a"}}
	first := subscribe(t, c, spec)
	subscribe(t, c, spec)
	_, err := c.Subscribe(within(t), spec)
	var fault *router.Fault
	if !errors.As(err, &fault) || !errors.Is(err, frame.ErrLimit) {
		t.Fatalf("the third: %v, want a *Fault", err)
	}
	if want := (router.Fault{Code: frame.CodeLimit, Text: "max_subscriptions is 2, got 3"}); *fault != want {
		t.Errorf("%+v, want %+v", *fault, want)
	}
	subscribe(t, other, spec) // the limit is each client's
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	flush(t, c)
	subscribe(t, c, spec)
}

// The entries of all subscriptions of a client are limited too, because each takes memory,
// and a client may have many subscriptions.
func TestTheEntriesOfAllSubscriptionsAreLimited(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	big := router.Subscription{Patterns: []string{"a"}, EventFilter: &router.EventFilter{PIDs: make([]uint32, 1000)}}
	var subs []router.Subscriber
	for range 4 {
		subs = append(subs, subscribe(t, c, big))
	}
	if _, err := c.Subscribe(within(t), big); !errors.Is(err, frame.ErrLimit) {
		t.Errorf("the fifth: %v, want ErrLimit", err)
	}
	if err := subs[0].Close(); err != nil {
		t.Fatal(err)
	}
	subscribe(t, c, big)
}

func TestTheBytesOfAllSubscriptionsAreLimited(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	tags := make(map[string]string)
	for i := range 500 {
		tags[fmt.Sprint(i)] = strings.Repeat("x", 1000)
	}
	big := router.Subscription{Patterns: []string{"a"}, CorrelationFilter: &router.CorrelationFilter{AnyTags: tags}}
	first := subscribe(t, c, big)
	subscribe(t, c, big)
	if _, err := c.Subscribe(within(t), big); !errors.Is(err, frame.ErrLimit) {
		t.Errorf("the third: %v, want ErrLimit", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	subscribe(t, c, big)
}

func TestASubscriptionCrossesTheWireUnchanged(t *testing.T) {
	want := router.Subscription{
		SubscriberID: "detector", Patterns: []string{"events.#", "alerts.*"}, EnableWildcards: ptr(true),
		Capabilities:      router.Capabilities{EventTypes: []string{"exec"}, Collectors: []string{"*"}, MaxPriority: ptr(uint8(9))},
		EventFilter:       &router.EventFilter{EventTypes: []string{"exec"}, PIDs: []uint32{1}, MinPriority: 2, Metadata: map[string]string{"k": "v"}, Topics: []string{"#"}, Sources: []string{"s"}},
		CorrelationFilter: &router.CorrelationFilter{IDs: []string{"i"}, Patterns: []string{"p*"}, ParentIDs: []string{"p"}, RootIDs: []string{"r"}, WorkflowStages: []string{"s"}, RequiredTags: map[string]string{"a": "b"}, AnyTags: map[string]string{"c": "d"}, MinSequence: ptr(uint64(0)), MaxSequence: ptr(uint64(1 << 63))},
		Group:             "g", Overflow: router.Conflate, Queue: 7, Retained: true, ReplayFrom: 9,
	}
	b, err := want.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := router.ParseSubscription(b)
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestABadSubscribePayloadIsRefused(t *testing.T) {
	for name, payload := range map[string]string{
		"nothing":                    "",
		"no JSON":                    "topic_patterns",
		"cut":                        `{"topic_patterns":["a"]`,
		"two values":                 `{"topic_patterns":["a"]}{}`,
		"a misspelt name":            `{"topic_patterns":["a"],"evnt_filter":{}}`,
		"a misspelt name further in": `{"topic_patterns":["a"],"event_filter":{"pid":[1]}}`,
		"a wrong type":               `{"topic_patterns":"a"}`,
		"a pid that is too large":    `{"topic_patterns":["a"],"event_filter":{"pids":[4294967296]}}`,
		"another case":               `{"topic_patterns":["a"],"Event_Filter":{}}`,
		"a key that stands twice":    `{"topic_patterns":["a"],"queue":1,"queue":2}`,
		"a tag that stands twice":    `{"topic_patterns":["a"],"correlation_filter":{"any_tags":{"a":"b","a":"c"}}}`,
		"a fraction":                 `{"topic_patterns":["a"],"queue":1.0}`,
		"an exponent":                `{"topic_patterns":["a"],"replay_from":1e2}`,
		"no UTF-8":                   "{\"topic_patterns\":[\"a\"],\"group\":\"\xff\"}",
		"null among patterns":        `{"topic_patterns":[null]}`,
		"too long":                   `{"topic_patterns":["` + strings.Repeat("a", 64<<10) + `"]}`,
	} {
		_, err := router.ParseSubscription([]byte(payload))
		if !errors.Is(err, router.ErrSubscription) {
			t.Errorf("%s: %v, want ErrSubscription", name, err)
		}
		for _, inside := range []string{"Go ", "struct", "json:", "unmarshal"} { // of the implementation
			if err != nil && strings.Contains(err.Error(), inside) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestOnlyTheAllowedOverflowPoliciesMayBeChosen(t *testing.T) {
	b := serve(t, router.Options{Overflows: []router.Overflow{router.Conflate}})
	c := client(t, b, "c")
	for o, ok := range map[router.Overflow]bool{"": true, router.DropOldest: true, router.Conflate: true, router.DropNewest: false, router.Disconnect: false} {
		_, err := c.Subscribe(within(t), router.Subscription{Patterns: []string{"a"}, Overflow: o})
		if ok && err != nil || !ok && !errors.Is(err, router.ErrDenied) {
			t.Errorf("%q: %v", o, err)
		}
	}
	respond(t, c, "a", echo) // the broker chooses its queue
	if _, err := broker.New(router.Options{Overflows: []router.Overflow{"block"}}); err == nil {
		t.Errorf("an unknown policy is taken")
	}
}
