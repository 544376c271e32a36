package losses_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/losses"
)

// announcement is one of a loss.
type announcement struct {
	collector string
	at        time.Time
	lost      uint64
	reason    string
}

// text is the text about a collector after the announcements.
func text(now time.Time, collector string, announced ...announcement) string {
	var g losses.Recent
	for _, x := range announced {
		g.Add(x.collector, x.at, x.lost, x.reason)
	}
	return g.Text(collector, now)
}

func TestLossesCountForAMinute(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration, collector string, lost uint64, reason string) announcement {
		return announcement{collector, now.Add(-d), lost, reason}
	}
	many := make([]announcement, 1000)
	for i := range many {
		many[i] = ago(0, "one", 2, "reports: flood")
	}
	strange := make([]announcement, 1000)
	for i := range strange {
		strange[i] = ago(0, "one", 1, fmt.Sprintf("unit %d: x", i))
	}
	tests := []struct {
		name      string
		announced []announcement
		want      string
	}{
		{"none", nil, ""},
		{"of another", []announcement{ago(0, "two", 3, "events: x")}, ""},
		{"of long ago", []announcement{ago(time.Minute, "one", 3, "events: x")}, ""},
		{"the last one says why", []announcement{
			ago(2*time.Minute, "one", 100, "events: a"), ago(30*time.Second, "one", 3, "events: b"), ago(0, "one", 4, "events: c"),
		}, "events: 7 lost in the last minute (c)"},
		{"what is counted in other units stands apart", []announcement{
			ago(2, "one", 3, "events: b"), ago(1, "one", 500, "reports: c"), ago(0, "one", 4, "events: d: e"),
		}, "events: 7 lost in the last minute (d: e); reports: 500 lost in the last minute (c)"},
		{"what is counted is not said", []announcement{ago(0, "one", 3, "x")}, "records: 3 lost in the last minute (x)"},
		{"how many is not known", []announcement{ago(0, "one", 0, "events: x")}, "events: an unknown number lost in the last minute (x)"},
		{"very many are not kept one by one", many, "reports: 2000 lost in the last minute (flood)"},
	}
	if n := strings.Count(text(now, "one", strange...), "; "); n > 64 {
		t.Errorf("%d units are kept", n)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := text(now, "one", tt.announced...); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
