package health_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/health"
	"github.com/daemoneye/eventbus/router"
)

var well = control.Health{}

func degraded(reason string) control.Health {
	return control.Health{State: control.Degraded, Reason: reason}
}

func unhealthy(reason string) control.Health {
	return control.Health{State: control.Unhealthy, Reason: reason}
}

func client(pid int) router.ClientStats {
	return router.ClientStats{Identity: router.Identity{PID: pid}}
}

func TestBroker(t *testing.T) {
	up := router.Stats{Uptime: time.Hour, Clients: []router.ClientStats{client(0), client(42)}}
	with := func(change func(*router.Stats)) router.Stats {
		s := up
		change(&s)
		return s
	}
	tests := []struct {
		name   string
		now    router.Stats
		before *router.Stats
		want   control.Health
	}{
		{"all is well", up, &up, well},
		{"it has just started", router.Stats{Uptime: time.Second}, nil, well},
		{"nobody came in the first minute", router.Stats{Uptime: time.Minute}, nil, well},
		{"nobody is connected", router.Stats{Uptime: time.Minute + 1}, nil, degraded("no client is connected")},
		{"only the agent itself is connected", router.Stats{Uptime: time.Hour, Clients: []router.ClientStats{client(0)}}, nil,
			degraded("no client is connected")},
		{"messages are delivered", with(func(s *router.Stats) { s.Matched, s.Delivered, s.Queued = 10, 5, 5 }), &up, well},
		{"none was delivered", with(func(s *router.Stats) { s.Matched, s.Queued = 10, 10 }), &up,
			unhealthy("10 messages for subscribers in the last minute, and none was delivered")},
		{"none was delivered, but it is too early to tell", with(func(s *router.Stats) { s.Matched, s.Queued = 10, 10 }), nil, well},
		{"none was delivered since, but some before",
			with(func(s *router.Stats) { s.Matched, s.Delivered, s.Queued = 30, 20, 10 }),
			&router.Stats{Matched: 20, Delivered: 20},
			unhealthy("10 messages for subscribers in the last minute, and none was delivered")},
		{"nothing came for anybody", with(func(s *router.Stats) { s.Matched, s.Queued = 10, 10 }),
			&router.Stats{Matched: 10}, well},
		{"a subscriber loses messages", with(func(s *router.Stats) {
			s.DropRate = 2.5
			s.Subscriptions = []router.SubStats{{Name: "ok"}, {Name: "tail", Source: 7, Dropped: 150}, {Name: "slow", Source: 8, Dropped: 3}}
		}), nil, degraded("subscribers lost messages in the last minute, 2.5 a second: most by tail (client 7), 150 in all")},
		{"a subscriber that has gone lost messages", with(func(s *router.Stats) { s.DropRate = 1 }), nil,
			degraded("subscribers lost messages in the last minute, 1 a second: by subscriptions that have ended")},
		{"losses of long ago do not count", with(func(s *router.Stats) { s.Dropped = 100 }), nil, well},
		{"an error of just now", with(func(s *router.Stats) { s.LastError, s.LastErrorAge = "accept: no", time.Second }), nil,
			degraded("error in the last minute: accept: no")},
		{"an error of long ago", with(func(s *router.Stats) { s.LastError, s.LastErrorAge = "accept: no", time.Minute }), nil, well},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, health.Broker(tt.now, tt.before)); diff != "" {
				t.Errorf("health (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCollectors(t *testing.T) {
	is := func(s control.CollectorState, restarts int, exit string) control.CollectorStatus {
		return control.CollectorStatus{Name: "process", State: s, Restarts: restarts, LastExit: exit}
	}
	tests := []struct {
		name string
		all  []control.CollectorStatus
		want control.Health
	}{
		{"there are none", nil, well},
		{"it runs", []control.CollectorStatus{is(control.CollectorRunning, 0, "")}, well},
		{"it runs again", []control.CollectorStatus{is(control.CollectorRunning, 3, "signal: killed")}, well},
		{"it is not started yet", []control.CollectorStatus{is(control.CollectorStopped, 0, "")}, well},
		{"it starts", []control.CollectorStatus{is(control.CollectorStarting, 0, "")}, well},
		{"it starts again", []control.CollectorStatus{is(control.CollectorStarting, 1, "signal: killed")},
			degraded("process is starting: signal: killed")},
		{"it waits for its restart", []control.CollectorStatus{is(control.CollectorRestarting, 1, "exit status 1: no")},
			degraded("process is waiting to restart: exit status 1: no")},
		{"it was given up", []control.CollectorStatus{is(control.CollectorGaveUp, 5, "exit status 1: no")},
			unhealthy("process was given up after 5 restarts: exit status 1: no")},
		{"the worst of several counts", []control.CollectorStatus{
			is(control.CollectorRunning, 0, ""), is(control.CollectorRestarting, 1, "a"), is(control.CollectorGaveUp, 5, "b"),
		}, unhealthy("process was given up after 5 restarts: b")},
		{"the first of the worst gives the reason", []control.CollectorStatus{
			is(control.CollectorRestarting, 1, "a"), is(control.CollectorRestarting, 1, "b"),
		}, degraded("process is waiting to restart: a")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, health.Collectors(tt.all)); diff != "" {
				t.Errorf("health (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheWholeIsAsWellAsItsWorstPart(t *testing.T) {
	tests := []struct {
		name  string
		parts map[string]control.Health
		want  control.Health
	}{
		{"no parts", nil, well},
		{"all are well", map[string]control.Health{"broker": well, "collectors": well}, well},
		{"one is not", map[string]control.Health{"broker": well, "collectors": degraded("x")}, degraded("collectors: x")},
		{"one is worse", map[string]control.Health{"broker": degraded("x"), "collectors": unhealthy("y")}, unhealthy("collectors: y")},
		{"both are as bad", map[string]control.Health{"collectors": degraded("y"), "broker": degraded("x")}, degraded("broker: x")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 10 { // maps have no order
				if diff := cmp.Diff(tt.want, health.Worst(tt.parts)); diff != "" {
					t.Fatalf("health (-want +got):\n%s", diff)
				}
			}
		})
	}
}
