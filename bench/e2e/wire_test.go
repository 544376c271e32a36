package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/proc"
)

// Programs of other commits are started with these orders and give these results
// (bench/compare), so both are kept: a field may be added, and none may go or mean
// something else. Roles are called as they are here.

func TestOrdersAreThoseThatOlderProgramsRead(t *testing.T) {
	spec := Spec{
		Publishers: 2, Subscribers: 3, Size: 64, Rate: 1000, Window: 9, Budget: time.Microsecond,
		Collect: 2 * time.Microsecond, Warmup: 3 * time.Microsecond, Measured: 4 * time.Microsecond,
	}
	got := fields(t, order{Spec: spec, Config: spec.config("/tmp/x", 1), Idle: 5})
	const want = `{
		"spec": {"publishers": 2, "subscribers": 3, "size": 64, "rate": 1000, "window": 9, "budget": 1000,
			"collect": 2000, "warmup": 3000, "measured": 4000},
		"config": {"dir": "/tmp/x", "index": 1, "publishers": 2, "subscribers": 3, "size": 64, "window": 9, "budget": 1000},
		"idle": 5
	}`
	var old map[string]any
	if err := json.Unmarshal([]byte(want), &old); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(old, got); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"begin": 1.0, "from": 2.0, "to": 3.0}, fields(t, load.Span{Begin: 1, From: 2, To: 3})); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	var roles []string
	for _, part := range []string{partBroker, partPublisher, partSubscriber, partIdle} {
		roles = append(roles, roleName(part, "daemoneye"))
	}
	if diff := cmp.Diff([]string{"broker:daemoneye", "publisher:daemoneye", "subscriber:daemoneye", "idle:daemoneye"}, roles); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
}

// The texts were written by the program of commit 8bac1d7.
func TestResultsOfOlderProgramsAreRead(t *testing.T) {
	var b brokerReport
	var p publisherReport
	var s subscriberReport
	for _, c := range []struct {
		text string
		into any
	}{
		{`{"usage":{"wall":50549584,"cpu":974000,"rss":8445952,"pauses":{"count":1,"p50":2,"p99":3,"max":4}}}`, &b},
		{`{"sent":{"messages":13,"lateness":{"min":17042,"max":66317,"sum":325608,"counts":[[1029,1],[1281,2]]}},
			"usage":{"wall":50657205,"cpu":1328000,"rss":8511488,"pauses":{"count":0,"p50":0,"p99":0,"max":0}}}`, &p},
		{`{"received":{"messages":13,"bytes":832,"missing":1,"repeated":2,"foreign":3,"announced":4,"ended":1,"rate":643233.4102204146,
			"latency":{"min":106664,"max":239255,"sum":1394023,"counts":[[1360,1],[1513,1]]}},
			"usage":{"wall":50587846,"cpu":742000,"rss":8380416,"pauses":{"count":0,"p50":0,"p99":0,"max":0}}}`, &s},
	} {
		if err := json.Unmarshal([]byte(c.text), c.into); err != nil {
			t.Fatal(err)
		}
	}
	spec := Spec{Publishers: 1, Subscribers: 1, Size: 64, Measured: time.Second}
	o := newOutcome(spec, proc.Machine{}, b, []publisherReport{p}, []subscriberReport{s})
	type seen struct {
		Sent, Received, Announced, Disorder uint64
		Rate                                float64
		Late, Latency                       uint64
		CPU                                 time.Duration
		RSS                                 int64
		Pause                               time.Duration
		Allocs                              float64
	}
	got := seen{
		o.Sent, o.Received, o.Announced, o.Disorder, o.Rate, o.Lateness.Count(), o.Latency.Count(),
		o.Broker.CPU, o.Broker.RSS, o.Broker.Pauses.P99, o.Allocs,
	}
	want := seen{
		Sent: 13, Received: 11, Announced: 4, Disorder: 5, Rate: 643233.4102204146, Late: 3, Latency: 2,
		CPU: 974 * time.Microsecond, RSS: 8445952, Pause: 3, Allocs: -1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

// fields returns v as the other side reads it.
func fields(t *testing.T, v any) map[string]any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}
