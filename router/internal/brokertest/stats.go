package brokertest

import (
	"testing"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
)

// Stats returns the broker's statistics and checks that they add up.
func Stats(t testing.TB, b *broker.Broker) router.Stats {
	t.Helper()
	s, err := b.Stats(Within(t))
	if err != nil {
		t.Fatal(err)
	}
	if s.Matched != s.Delivered+s.Dropped+s.Queued {
		t.Errorf("matched %d is not delivered %d + dropped %d + queued %d", s.Matched, s.Delivered, s.Dropped, s.Queued)
	}
	reasons := uint64(0)
	for _, n := range s.DroppedBy {
		reasons += n
	}
	if reasons != s.Dropped {
		t.Errorf("dropped by reason %v is not %d", s.DroppedBy, s.Dropped)
	}
	for _, sub := range s.Subscriptions {
		if sub.Matched != sub.Delivered+sub.Dropped+uint64(sub.Queued) {
			t.Errorf("subscription %d/%d: matched %d is not delivered %d + dropped %d + queued %d",
				sub.Source, sub.ID, sub.Matched, sub.Delivered, sub.Dropped, sub.Queued)
		}
	}
	return s
}

// StatsOf returns the statistics of the subscription called name, after checking all.
func StatsOf(t testing.TB, b *broker.Broker, name string) router.SubStats {
	t.Helper()
	for _, s := range Stats(t, b).Subscriptions {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no subscription is called %q", name)
	return router.SubStats{}
}
