package agent_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

func TestStatus(t *testing.T) {
	r := start(t, agent.Options{Config: configured(func(c *config.Config) { c.InstanceID = "one" }), Collectors: collect("echo")})
	client := r.dial(ipc.ClientOptions{Name: "asker"})
	s := status(t, client)
	if s.Version != "test" || s.Instance != "one" || s.PID != os.Getpid() || s.Socket != r.socket {
		t.Errorf("the agent is %q, %q, %d, %q", s.Version, s.Instance, s.PID, s.Socket)
	}
	if s.Uptime <= 0 || s.StartTime <= 0 || s.StartTime > s.Uptime {
		t.Errorf("up %v, accepted after %v", s.Uptime, s.StartTime)
	}
	if diff := cmp.Diff([]string{"broker", "collectors.echo", "detection", "manager", "outputs"}, slices.Sorted(maps.Keys(s.Parts))); diff != "" || s.Health.State != control.Healthy {
		t.Errorf("health is %+v of parts (-want +got):\n%s", s.Health, diff)
	}
	for name, h := range s.Parts {
		if h.State != control.Healthy || h.Since.IsZero() || h.Since.Before(s.Agent.Since.Add(-time.Minute)) {
			t.Errorf("%s is %+v", name, h)
		}
	}
	if s.Agent.State != control.Steady || !s.Agent.BeginMonitoring {
		t.Errorf("the agent is %+v", s.Agent)
	}
	c := s.Collectors[0]
	if c.Name != "echo" || c.State != control.CollectorRunning || c.PID == 0 || c.PID == s.PID {
		t.Errorf("the collector is %+v", c)
	}
	for who, u := range map[string]*control.Usage{"agent": &s.Usage, "collector": c.Usage} {
		if u == nil || u.RSS == nil || *u.RSS < 1<<20 || u.Threads == nil || *u.Threads < 1 || u.OpenFiles == nil || *u.OpenFiles < 3 {
			t.Errorf("the %s takes %+v", who, u)
		}
	}
	asker := slices.IndexFunc(s.Broker.Clients, func(c router.ClientStats) bool { return c.Name == "asker" })
	if asker < 0 {
		t.Fatal("who asks is not among the clients")
	}
	want := router.Identity{Name: "asker", Role: "operator", PID: os.Getpid(), UID: os.Geteuid(), GID: os.Getegid()}
	if diff := cmp.Diff(want, s.Broker.Clients[asker].Identity); diff != "" {
		t.Errorf("who asks (-want +got):\n%s", diff)
	}
	checkBooks(t, s.Broker)
}

// TestAStatusFitsIntoAMessage: what has no room is left out, and that is shown.
func TestAStatusFitsIntoAMessage(t *testing.T) {
	r := start(t, agent.Options{Config: configured(func(c *config.Config) { c.Broker.MaxMessageSize = 8 << 10 })})
	client := r.dial(ipc.ClientOptions{})
	if status(t, client).Broker.Truncated {
		t.Error("there is no room for a few")
	}
	for range 50 {
		subscribe(t, client, router.Subscription{SubscriberID: "one of many that take room", Patterns: []string{"events.demo"}})
	}
	if b := status(t, client).Broker; !b.Truncated || len(b.Subscriptions) == 0 {
		t.Errorf("%d subscriptions are shown, truncated %v", len(b.Subscriptions), b.Truncated)
	}
}

// TestTheNamesInTheStatusStayAsTheyAre, for programs read them.
func TestTheNamesInTheStatusStayAsTheyAre(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("echo")})
	reply, err := r.dial(ipc.ClientOptions{}).Request(t.Context(), control.StatusTarget, nil)
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		All        map[string]any   `json:"-"`
		Usage      map[string]any   `json:"usage"`
		Collectors []map[string]any `json:"collectors"`
	}
	for _, into := range []any{&s, &s.All} {
		if err := json.Unmarshal(reply.Payload, into); err != nil {
			t.Fatal(err)
		}
	}
	for _, object := range []struct {
		name string
		got  map[string]any
		want []string
	}{
		{"status", s.All, []string{
			"agent", "broker", "collectors", "detection", "health", "host_id", "instance", "max_connections", "parts", "pid", "socket", "start_ns", "uptime_ns", "usage", "version",
		}},
		{"usage", s.Usage, []string{"cpu_percent", "open_files", "rss_bytes", "threads"}},
		{"collector", s.Collectors[0], []string{"name", "pid", "restarts", "since", "source", "state", "usage"}},
	} {
		if diff := cmp.Diff(object.want, slices.Sorted(maps.Keys(object.got))); diff != "" {
			t.Errorf("names in %s (-want +got):\n%s", object.name, diff)
		}
	}
}

func TestACollectorAnswersForItself(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("echo")})
	client := r.dial(ipc.ClientOptions{})
	var report control.Report
	if _, err := control.Call(t.Context(), client, control.OperationTarget, control.Request{Operation: control.OpHealthCheck, Target: "echo"}, &report); err != nil {
		t.Fatal(err)
	}
	c := status(t, client).Collectors[0]
	if report.Collector != "echo" || report.PID != c.PID || report.Source != c.Source || report.Version != "test" || report.Uptime <= 0 {
		t.Errorf("report is %+v", report)
	}
}

// TestTheVerdictIsNotChangedByAsking: who asks is no client that is missed.
func TestTheVerdictIsNotChangedByAsking(t *testing.T) {
	now := router.Stats{Uptime: time.Hour, Clients: []router.ClientStats{
		{Source: 1}, {Source: 7, Identity: router.Identity{PID: 42}},
	}}
	if got := agent.Judge(now, 7).State; got != control.Degraded {
		t.Errorf("alone with the asker the broker is %v", got)
	}
	if got := agent.Judge(now, 0).State; got != control.Healthy {
		t.Errorf("with a client the broker is %v", got)
	}
	if len(now.Clients) != 2 || now.Clients[1].Source != 7 {
		t.Errorf("the clients to show were changed: %+v", now.Clients)
	}
}
