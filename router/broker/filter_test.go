package broker_test

import (
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/inproc"
)

func TestEveryFieldOfASubscriptionFilters(t *testing.T) {
	b := serve(t, router.Options{})
	clients := make(map[string]*inproc.Client)
	for _, name := range []string{"procmond", "netmond", "fsmond", "procmon"} {
		clients[name] = client(t, b, name)
	}
	listener := client(t, b, "listener")
	for _, c := range filterCases {
		t.Run(c.name, func(t *testing.T) {
			spec := c.spec
			spec.SubscriberID = "filtered"
			if spec.Patterns == nil {
				spec.Patterns = []string{"#"}
			}
			s := subscribe(t, listener, spec)
			defer s.Close()
			try := func(s sample, want uint64) {
				s = s.orBase()
				before := statsOf(t, b, "filtered").Matched
				from := clients[s.from]
				err := from.Publish(within(t), router.Outgoing{Topic: s.topic, Priority: s.priority, Extension: extension(t, s.meta)})
				if err != nil {
					t.Fatal(err)
				}
				flush(t, from)
				if got := statsOf(t, b, "filtered").Matched - before; got != want {
					t.Errorf("%+v is queued %d times, want %d", s, got, want)
				}
			}
			for _, s := range c.pass {
				try(s, 1)
			}
			for _, s := range c.stop {
				try(s, 0)
			}
		})
	}
}

// A publisher must not get past a filter by giving a key twice: all readers of an extension
// take the first.
func TestAFilterReadsTheFirstOfEqualKeys(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	subscribe(t, c, router.Subscription{SubscriberID: "filtered", Patterns: []string{"#"}, CorrelationFilter: &router.CorrelationFilter{
		RequiredTags: map[string]string{"level": "high"},
	}})
	tag := func(level string) []byte {
		return extension(t, frame.Meta{Correlation: frame.Correlation{Tags: map[string]string{"level": level}}})
	}
	p, err := c.Publisher("alerts.x")
	if err != nil {
		t.Fatal(err)
	}
	for _, ext := range [][]byte{append(tag("low"), tag("high")...), append(tag("high"), tag("low")...)} {
		if err := p.PublishMeta(nil, ext); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, c)
	if got := statsOf(t, b, "filtered").Matched; got != 1 {
		t.Errorf("%d passed, want 1", got)
	}
}
