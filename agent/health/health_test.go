package health_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/health"
	"github.com/daemoneye/eventbus/ipc"
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
	collector := router.ClientStats{Source: 2, Identity: router.Identity{PID: 41, Role: "collector"}}
	tail := router.ClientStats{Source: 7, Identity: router.Identity{PID: 42}}
	up := router.Stats{Uptime: time.Hour, Clients: []router.ClientStats{client(0), collector, tail}}
	with := func(change func(*router.Stats)) router.Stats {
		s := up
		change(&s)
		return s
	}
	// counted has one subscription of each kind of client.
	type count struct{ matched, delivered, dropped uint64 }
	counted := func(agent, collector, tail count) router.Stats {
		return with(func(s *router.Stats) {
			for i, c := range []count{agent, collector, tail} {
				s.Subscriptions = append(s.Subscriptions, router.SubStats{
					Source: up.Clients[i].Source, ID: 1, Matched: c.matched, Delivered: c.delivered, Dropped: c.dropped,
				})
			}
		})
	}
	of := func(tail count) router.Stats { return counted(count{}, count{}, tail) }
	minute := func(began, settled router.Stats) *health.Minute {
		return health.NewMinute(&began, &settled)
	}
	dropping := func(subs ...router.SubStats) router.Stats {
		return with(func(s *router.Stats) { s.DropRate, s.Subscriptions = 2.5, subs })
	}
	failed := func(err error, age time.Duration) router.Stats {
		return with(func(s *router.Stats) { s.LastErr, s.LastError, s.LastErrorAge = err, err.Error(), age })
	}
	noAccept := &ipc.OpError{Op: "accept", Path: "/x.sock", Err: errors.New("no")}
	lost := &ipc.OpError{Op: "listen", Path: "/x.sock", Err: ipc.ErrSocketLost}
	rebound := &ipc.OpError{Op: "listen", Path: "/x.sock", Err: ipc.ErrSocketRebound}
	none := unhealthy("10 messages for subscribers in the last minute, and none was delivered")
	tests := []struct {
		name string
		now  router.Stats
		past *health.Minute
		want control.Health
	}{
		{"all is well", up, minute(up, up), well},
		{"it has just started", router.Stats{Uptime: time.Second}, nil, well},
		{"nobody came in the first minute", router.Stats{Uptime: time.Minute}, nil, well},
		{"nobody is connected", router.Stats{Uptime: time.Minute + 1}, nil, degraded("no client is connected")},
		{"only the agent itself is connected", router.Stats{Uptime: time.Hour, Clients: up.Clients[:1]}, nil,
			degraded("no client is connected")},
		{"only the agent and a collector are connected", router.Stats{Uptime: time.Hour, Clients: up.Clients[:2]}, nil, well},
		{"messages are delivered", of(count{20, 15, 0}), minute(of(count{}), of(count{10, 5, 0})), well},
		{"none was delivered", of(count{20, 0, 0}), minute(of(count{}), of(count{10, 0, 0})), none},
		{"none was delivered, and none is queued", of(count{10, 0, 10}), minute(of(count{}), of(count{10, 0, 10})), none},
		{"none was delivered since, but some before", of(count{30, 20, 0}), minute(of(count{20, 20, 0}), of(count{30, 20, 0})), none},
		{"none was delivered, but for what the agent asks itself", counted(count{9, 9, 0}, count{}, count{10, 0, 0}),
			minute(of(count{}), of(count{10, 0, 0})), none},
		{"none was delivered, but for what a collector is asked", counted(count{}, count{9, 9, 0}, count{10, 0, 0}),
			minute(of(count{}), of(count{10, 0, 0})), none},
		{"what was published just now need not be there", of(count{10, 0, 0}), minute(of(count{}), of(count{})), well},
		{"none was delivered, but it is too early to tell", of(count{10, 0, 0}), nil, well},
		{"nothing came for anybody", of(count{10, 0, 0}), minute(of(count{10, 0, 0}), of(count{10, 0, 0})), well},
		{"a new subscription has not been looked at", of(count{10, 0, 0}), minute(up, up), well},
		{"a subscriber loses messages", dropping(
			router.SubStats{Name: "ok"}, router.SubStats{Name: "tail", ID: 7, Source: 7, Dropped: 150}, router.SubStats{Name: "slow", Source: 8, Dropped: 3},
		), nil, degraded("subscribers lost messages in the last minute, 2.5 a second: most by tail (client 7), 150")},
		{"another lost more, but long ago", dropping(
			router.SubStats{Name: "tail", Source: 7, Dropped: 150}, router.SubStats{Name: "slow", Source: 8, Dropped: 3},
		), minute(dropping(router.SubStats{Source: 7, Dropped: 149}), up),
			degraded("subscribers lost messages in the last minute, 2.5 a second: most by slow (client 8), 3")},
		{"another drops as it wishes", dropping(
			router.SubStats{Name: "last", Source: 7, Dropped: 150, Overflow: router.Conflate}, router.SubStats{Name: "slow", Source: 8, Dropped: 3},
		), nil, degraded("subscribers lost messages in the last minute, 2.5 a second: most by slow (client 8), 3")},
		{"a subscriber that has gone lost messages", dropping(), nil,
			degraded("subscribers lost messages in the last minute, 2.5 a second: by subscriptions that have ended")},
		{"a rate is written as a number", with(func(s *router.Stats) { s.Dropped, s.DropRate = 1, 356000.4 }), nil,
			degraded("subscribers lost messages in the last minute, 356000 a second: by subscriptions that have ended")},
		{"losses of long ago do not count", with(func(s *router.Stats) { s.Dropped = 100 }), nil, well},
		{"an error of just now", failed(errors.New("write: no"), time.Second), nil,
			degraded("error in the last minute: write: no")},
		{"an error of long ago", failed(errors.New("write: no"), time.Minute), nil, well},
		{"nobody can connect", failed(noAccept, time.Second), nil,
			unhealthy("nobody new can connect: " + noAccept.Error())},
		{"another error whose text begins the same", failed(errors.New("ipc: accept no more"), time.Second), nil,
			degraded("error in the last minute: ipc: accept no more")},
		{"the socket is lost", failed(lost, time.Second), nil, unhealthy("nobody new can connect: " + lost.Error())},
		{"the socket was lost", failed(rebound, time.Second), nil, degraded("error in the last minute: " + rebound.Error())},
		{"nobody could connect long ago", failed(noAccept, time.Minute), nil, well},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, health.Broker(tt.now, tt.past)); diff != "" {
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
		name   string
		status control.CollectorStatus
		want   control.Health
	}{
		{"it runs", is(control.CollectorRunning, 0, ""), well},
		{"it runs, and has lost something", control.CollectorStatus{State: control.CollectorRunning, Gap: "3 events were lost"}, degraded("3 events were lost")},
		{"it does not respond", is(control.CollectorUnresponsive, 0, "no heartbeat came for 6.5s"), degraded("unresponsive: no heartbeat came for 6.5s")},
		{"it runs again", is(control.CollectorRunning, 3, "signal: killed"), well},
		{"it is not started yet", is(control.CollectorStopped, 0, ""), well},
		{"it starts", is(control.CollectorStarting, 0, ""), well},
		{"it starts again", is(control.CollectorStarting, 1, "signal: killed"), degraded("starting: signal: killed")},
		{"it waits for its restart", is(control.CollectorRestarting, 1, "exit status 1: no"), degraded("waiting to restart: exit status 1: no")},
		{"it is paused", is(control.CollectorPaused, 0, ""), degraded("paused: it does not observe")},
		{"it was stopped by an operator", is(control.CollectorStopped, 2, ""), well},
		{"it was stopped by an operator after it had crashed", is(control.CollectorStopped, 2, "signal: killed"), well},
		{"it makes no heartbeats", is(control.CollectorUnresponsive, 0, "it made no heartbeat for 6s"), degraded("unresponsive: it made no heartbeat for 6s")},
		{"it cannot be killed", is(control.CollectorStuck, 0, "it made no heartbeat for 6s"), unhealthy("cannot be killed: it made no heartbeat for 6s")},
		{"it is another's, and is not there", is(control.CollectorAbsent, 0, ""), degraded("absent: it is configured, and has not registered")},
		{"it was given up", is(control.CollectorGaveUp, 5, "exit status 1: no"), unhealthy("given up after 5 restarts: exit status 1: no")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.status.Name = "process"
			tt.status.Since = time.Unix(7, 0)
			if tt.status.State != control.CollectorRunning {
				tt.want.Since = tt.status.Since
			}
			parts := health.Collectors([]control.CollectorStatus{is(control.CollectorRunning, 0, ""), tt.status})
			if parts[0].Name != "collectors.process" {
				t.Errorf("it is called %s", parts[0].Name)
			}
			if diff := cmp.Diff(tt.want, parts[1].Check(&health.Facts{})); diff != "" {
				t.Errorf("health (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheWholeIsAsWellAsItsWorstPart(t *testing.T) {
	early, late := time.Unix(1, 0), time.Unix(2, 0)
	since := func(h control.Health, at time.Time) control.Health {
		h.Since = at
		return h
	}
	tests := []struct {
		name  string
		parts map[string]control.Health
		want  control.Health
	}{
		{"no parts", nil, well},
		{"all are well, since the last of them is", map[string]control.Health{"broker": since(well, late), "manager": since(well, early)}, since(well, late)},
		{"one is not", map[string]control.Health{"broker": since(well, late), "manager": since(degraded("x"), early)}, since(degraded("manager: x"), early)},
		{"one is worse", map[string]control.Health{"broker": degraded("x"), "manager": unhealthy("y")}, unhealthy("manager: y")},
		{"both are as bad", map[string]control.Health{"manager": degraded("y"), "broker": degraded("x")}, degraded("broker: x")},
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
