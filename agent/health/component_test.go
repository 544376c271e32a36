package health_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/health"
	"github.com/daemoneye/eventbus/router"
)

// TestAVerdictIsAsOldAsItsState and not as its reason. A part that comes back is new.
func TestAVerdictIsAsOldAsItsState(t *testing.T) {
	var parts health.Components
	verdict := degraded("a")
	parts.Register(health.Component{Name: "fixed", Check: func(*health.Facts) control.Health { return verdict }})
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	judge := func(second int64, more ...health.Component) map[string]int64 {
		since := map[string]int64{}
		for name, h := range parts.Judge(&health.Facts{Now: at(second)}, more...) {
			since[name] = h.Since.Unix()
		}
		return since
	}
	passing := health.Component{Name: "passing", Check: func(*health.Facts) control.Health { return well }}
	steps := []struct {
		second  int64
		verdict control.Health
		more    []health.Component
		want    map[string]int64
	}{
		{1, degraded("a"), nil, map[string]int64{"fixed": 1}},
		{2, degraded("b"), []health.Component{passing}, map[string]int64{"fixed": 1, "passing": 2}},
		{3, unhealthy("b"), []health.Component{passing}, map[string]int64{"fixed": 3, "passing": 2}},
		{4, degraded("b"), nil, map[string]int64{"fixed": 4}},
		{5, degraded("b"), []health.Component{passing}, map[string]int64{"fixed": 4, "passing": 5}},
		{6, control.Health{State: control.Degraded, Since: at(1)}, nil, map[string]int64{"fixed": 1}}, // it knows better
	}
	for _, s := range steps {
		verdict = s.verdict
		if diff := cmp.Diff(s.want, judge(s.second, s.more...)); diff != "" {
			t.Errorf("second %d (-want +got):\n%s", s.second, diff)
		}
	}
}

// TestTheHistoryIsAMinute, which is twelve samples, and no more.
func TestTheHistoryIsAMinute(t *testing.T) {
	var h health.History
	for i := range uint64(30) {
		got := h.LastMinute()
		if i < 12 && got != nil {
			t.Errorf("after %d samples there is a minute", i)
		}
		if i >= 12 {
			if began, settled := got.Matched(7, 1); began != i-12 || settled != i-2 {
				t.Errorf("after %d samples it is %d to %d, want %d to %d", i, began, settled, i-12, i-2)
			}
		}
		h.Add(&router.Stats{Subscriptions: []router.SubStats{{Source: 7, ID: 1, Matched: i}}})
	}
}
