package stats_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/stats"
)

// The rates are those of the last minute, in seconds of the counters' own clock.
func TestRatesAreOfTheLastMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c stats.Counters
		c.Start(0)
		published := make(map[int64]uint64) // by second
		second, total := int64(0), uint64(0)
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			second += rapid.Int64Range(0, 70).Draw(t, "pause")
			c.Advance(second * int64(time.Second))
			n := rapid.Uint64Range(0, 1000).Draw(t, "n")
			c.CountPublished(n, 2*n)
			published[second] += n
			total += n
		}
		sum := uint64(0)
		for at, n := range published {
			if at > second-60 {
				sum += n
			}
		}
		s := c.Snapshot(second * int64(time.Second))
		if want := float64(sum) / min(60, max(1, float64(second))); s.PublishRate != want {
			t.Fatalf("%v messages a second, want %v", s.PublishRate, want)
		}
		if s.Published != total || s.PublishedByte != 2*total || c.Total().Messages != total {
			t.Fatalf("%d messages of %d bytes, want %d", s.Published, s.PublishedByte, total)
		}
	})
}

// What a subscription has counted when it ends stays in the sums.
func TestEndedSubscriptionsStayInTheSums(t *testing.T) {
	var c stats.Counters
	c.Start(0)
	n := queue.Counts{Matched: 10, Delivered: 6, Dropped: 4}
	n.ByReason[3] = 4
	c.CountEnded(&n, false)
	s := c.Snapshot(int64(time.Second))
	s.AddSubscription(bus.SubStats{DroppedBy: map[string]uint64{}}, &queue.Counts{Matched: 3, Delivered: 1})
	if s.Matched != 13 || s.Delivered != 7 || s.Dropped != 4 || s.Queued != 2 || s.DroppedBy[bus.Reason(3).String()] != 4 {
		t.Errorf("%+v", s.Stats)
	}
}
