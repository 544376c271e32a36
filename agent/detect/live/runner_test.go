package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/detect/live"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/logtest"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

const patience = 20 * time.Second

// rig is a broker, a Runner on it, and what the Runner submits.
type rig struct {
	t      *testing.T
	broker *router.Broker
	runner *live.Runner
	dir    string
	log    *logtest.Buffer
	stop   func() // and wait until Run has returned

	mu     sync.Mutex
	alerts []*alert.Alert // guarded by mu
}

// run runs rules until the test ends. change may change the options.
func run(t *testing.T, rules string, change func(*live.Options)) *rig {
	t.Helper()
	broker, err := router.New(router.Options{MaxQueued: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, broker: broker, dir: t.TempDir(), log: &logtest.Buffer{}}
	o := live.Options{
		Host:     live.Host{ID: "host-1", Name: "web", Labels: map[string]string{"env": "prod"}},
		Settings: live.Settings{Paths: []string{g.dir}, Fold: time.Minute, Context: 5}, Memory: 1 << 20,
		Identify: broker.Identity, Owned: func(t event.Type) bool { return t == event.TypeProcess },
		Submit: func(a *alert.Alert) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.alerts = append(g.alerts, a)
		},
		Logger: slog.New(slog.NewTextHandler(g.log, nil)),
	}
	if change != nil {
		change(&o)
	}
	g.write("rules.yml", rules)
	g.runner = live.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	running, end := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() { _ = broker.Run(ctx) })
	bus := broker.Client(live.SubscriberID)
	if report := g.runner.Load(live.AtStart); report.Errors > 0 {
		t.Errorf("%+v", report.Problems)
	}
	sub, err := g.runner.Subscribe(t.Context(), bus)
	if err != nil {
		t.Fatal(err)
	}
	var own sync.WaitGroup
	own.Go(func() {
		if err := g.runner.Run(running, sub); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	g.stop = sync.OnceFunc(func() {
		end()
		own.Wait()
		bus.Close()
		cancel()
		parts.Wait()
	})
	t.Cleanup(g.stop)
	return g
}

func (g *rig) write(name, text string) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// client publishes as a collector of that name, or as somebody else with an empty one.
func (g *rig) client(name string) router.Bus {
	who := router.Identity{Name: "somebody", Role: "operator"}
	if name != "" {
		who = router.Identity{Name: name, Role: control.CollectorRole}
	}
	b := g.broker.ClientAs(who, nil)
	g.t.Cleanup(func() { b.Close() })
	return b
}

func (g *rig) publish(b router.Bus, topic string, content frame.Content, payload []byte) {
	g.t.Helper()
	if err := b.Publish(g.t.Context(), router.Outgoing{Topic: topic, Payload: payload, Content: content}); err != nil {
		g.t.Fatal(err)
	}
}

// taken returns the alerts, once there are as many.
func (g *rig) taken(n int) []*alert.Alert {
	g.t.Helper()
	var got []*alert.Alert
	g.eventually(fmt.Sprintf("%d alerts", n), func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		got = slices.Clone(g.alerts)
		return len(got) >= n
	})
	if len(got) != n {
		g.t.Fatalf("%d alerts, want %d", len(got), n)
	}
	return got
}

func (g *rig) eventually(what string, done func() bool) {
	g.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			g.t.Fatalf("%s: it does not come; status %+v; log:\n%s", what, g.runner.Status(), g.log)
		}
	}
}

// looked waits until as many events were looked at, and nothing is left.
func (g *rig) looked(n uint64) {
	g.t.Helper()
	g.eventually(fmt.Sprintf("%d events", n), func() bool { return g.runner.Status().Events >= n })
}

func header(op event.Operation, at time.Time, pid uint32, sequence uint64) event.Header {
	return event.Header{Type: event.TypeProcess, Operation: op, PID: pid, StartTicks: uint64(pid), Sequence: sequence, WallNs: at.UnixNano(), MonoNs: at.UnixNano()}
}

// started is the start of a process.
func started(at time.Time, sequence uint64, pid uint32, image, line string) []byte {
	e := event.Process{
		Header: header(event.OpStart, at, pid, sequence),
		Origin: event.Origin{Host: "web", HostID: "host-1", BootID: [16]byte{1}, Labels: []event.Pair{{Name: "team", Value: "core"}}},
		Actor:  event.Actor{Executable: image, CommandLine: line, UID: event.Known(0), PPID: 9, ParentExecutable: "/bin/bash"},
	}
	return e.Append(nil)
}

const simple = `
title: Curl is run
id: 6e6f9a52-6d0e-4a43-9ac5-0f1d9d3ad001
level: high
description: It fetches something.
tags: [attack.t1105]
falsepositives: [people]
references: [https://example.org]
logsource: {category: process_creation, product: linux}
detection:
  program: {Image|endswith: /curl}
  way: {CommandLine|contains: [http, ftp]}
  mine: {User: nobody}
  condition: program and way and not mine
`

func TestAnAlertHasTheWholeStory(t *testing.T) {
	g := run(t, simple, nil)
	at := time.Now()
	c := g.client("process")
	g.publish(c, "events.process.lifecycle", frame.ContentEvent, started(at, 1, 40, "/bin/sh", "sh\x00-c\x00curl"))
	g.publish(c, "events.process.lifecycle", frame.ContentEvent, started(at.Add(time.Millisecond), 2, 41, "/usr/bin/curl", "curl\x00http://x"))
	a := g.taken(1)[0]
	var e map[string]any
	if err := json.Unmarshal(a.Event, &e); err != nil {
		t.Fatal(err)
	}
	if line := e["process"].(map[string]any)["command_line"]; line != "curl http://x" {
		t.Errorf("its event has the command line %v", line)
	}
	if len(a.Context) != 1 || !strings.Contains(string(a.Context[0]), "sh -c curl") {
		t.Errorf("its context is %s", a.Context)
	}
	a.Event, a.Context = nil, nil
	when := time.Unix(0, at.Add(time.Millisecond).UnixNano()).UTC()
	want := &alert.Alert{
		Count: 1, First: when, Last: when,
		Rule: alert.Rule{
			ID: "6e6f9a52-6d0e-4a43-9ac5-0f1d9d3ad001", Title: "Curl is run", Description: "It fetches something.", Level: alert.High,
			Tags: []string{"attack.t1105"}, Path: filepath.Join(g.dir, "rules.yml"), FalsePositives: []string{"people"}, References: []string{"https://example.org"},
		},
		Host:     alert.Host{ID: "host-1", Name: "web", BootID: "01000000-0000-0000-0000-000000000000"},
		Labels:   map[string]string{"env": "prod", "team": "core"},
		Matched:  []alert.Match{{Field: "Image", Value: "/usr/bin/curl", Selection: "program"}, {Field: "CommandLine", Value: "curl http://x", Selection: "way"}},
		DedupKey: "6e6f9a52-6d0e-4a43-9ac5-0f1d9d3ad001|/usr/bin/curl|0|/bin/bash|", FoldFor: time.Minute,
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAFieldThatCouldNotBeReadIsNamed(t *testing.T) {
	g := run(t, strings.Replace(simple, "program and way", "program and not way", 1), nil)
	e := event.Process{Header: header(event.OpStart, time.Now(), 4, 1), Actor: event.Actor{Executable: "/usr/bin/curl"}}
	e.Flags = event.CommandLineUnread | event.DirectoryUnread
	g.publish(g.client("process"), "events.process.lifecycle", frame.ContentEvent, e.Append(nil))
	if a := g.taken(1)[0]; !slices.Equal(a.Incomplete, []string{"process.command_line could not be read"}) {
		t.Errorf("incomplete because of %q", a.Incomplete)
	}
}

const counting = simple + `---
title: Curl is run often
name: often
level: critical
correlation: {type: event_count, rules: [6e6f9a52-6d0e-4a43-9ac5-0f1d9d3ad001], group-by: [User], timespan: 1m, condition: {gte: 3}}
`

func userOf(b []byte, name string) []byte {
	v, err := event.Parse(b)
	if err != nil {
		panic(err)
	}
	e, _ := event.Copy[event.Detail](v)
	e.User = name
	return e.Append(nil)
}

func TestACorrelationHasItsMembersAndWhatWasLost(t *testing.T) {
	g := run(t, counting, nil)
	c, at := g.client("process"), time.Now()
	for i := range 3 {
		if i == 2 {
			loss := event.Gap{Header: header(event.OpGap, at.Add(1500*time.Millisecond), 0, 0), Body: event.Loss{Lost: 4, Reason: "records: x", SinceNs: at.Add(time.Second).UnixNano()}}
			g.publish(c, "events.process.gap", frame.ContentEvent, loss.Append(nil))
		}
		line := fmt.Sprintf("curl\x00http://%d", i)
		g.publish(c, "events.process.lifecycle", frame.ContentEvent, userOf(started(at.Add(time.Duration(i)*time.Second), uint64(i), uint32(40+i), "/usr/bin/curl", line), "ann"))
	}
	a := g.taken(1)[0]
	if a.Rule.Title != "Curl is run often" || !a.Correlation || !cmp.Equal(a.Group, map[string]string{"User": "ann"}) || a.Last.Sub(a.First) != 2*time.Second {
		t.Errorf("%+v", a)
	}
	if len(a.Members) != 3 || !strings.Contains(string(a.Members[0].Event), "curl http://0") || a.Members[0].Rule != "Curl is run" {
		t.Errorf("its members are %s", a.Members)
	}
	if !slices.Equal(a.Incomplete, []string{"events were lost between the first and the last one"}) {
		t.Errorf("incomplete because of %q", a.Incomplete)
	}
	if a.DedupKey != "often|ann" {
		t.Errorf("its key is %q", a.DedupKey)
	}
}

func TestAForgedEventIsDroppedAndItsSenderIsNamed(t *testing.T) {
	g := run(t, simple, nil)
	curl := started(time.Now(), 1, 41, "/usr/bin/curl", "curl\x00http://x")
	g.publish(g.client("network"), "events.network.connections", frame.ContentEvent, curl) // it does not belong there
	extension, err := frame.AppendExtension(nil, &frame.Meta{EventType: "process"})
	if err != nil {
		t.Fatal(err)
	}
	gpu := router.Outgoing{Topic: "events.gpu.heat", Payload: curl, Content: frame.ContentEvent, Extension: extension}
	if err := g.client("gpu").Publish(t.Context(), gpu); err != nil { // there is a collector of processes
		t.Fatal(err)
	}
	g.eventually("two forged events", func() bool { return g.runner.Status().Forged == 2 })
	s := g.runner.Status()
	if s.Events != 0 || len(g.taken(0)) != 0 {
		t.Errorf("a forged event was looked at: %+v", s)
	}
	if !strings.Contains(s.Forger, `name "network"`) || !strings.Contains(g.log.String(), "event dropped by detection") {
		t.Errorf("the forger is %q; log:\n%s", s.Forger, g.log)
	}
	if h := g.runner.Health(time.Now()); h.State != control.Degraded || !strings.Contains(h.Reason, "forged events in the last minute") {
		t.Errorf("health is %+v", h)
	}
	if h := g.runner.Health(time.Now().Add(2 * time.Minute)); h.State != control.Healthy {
		t.Errorf("two minutes later health is %+v", h)
	}
	g.publish(g.client(""), "events.process.lifecycle", frame.ContentEvent, curl) // an operator tries a rule
	g.taken(1)
}

func TestAnEventOfSomebodyElseMayBeJSON(t *testing.T) {
	g := run(t, simple, nil)
	g.publish(g.client(""), "events.process.mine", frame.ContentJSON, []byte(`{"event":{"action":"start"},"process":{"executable":"/opt/curl","command_line":"curl ftp://y"}}`))
	g.publish(g.client(""), "events.process.mine", frame.ContentJSON, []byte(`no object`))
	a := g.taken(1)[0]
	if a.Host.Name != "web" || a.Labels["env"] != "prod" {
		t.Errorf("it is of host %+v with labels %v", a.Host, a.Labels)
	}
	g.eventually("one that is no event", func() bool { return g.runner.Status().Invalid == 1 })
}

// TestRepeatsAreGathered: a flood costs one alert at once and one a second, and none of
// it vanishes.
func TestRepeatsAreGathered(t *testing.T) {
	g := run(t, simple, nil)
	const n = 5000
	c := g.client("process")
	for i := range n {
		g.publish(c, "events.process.lifecycle", frame.ContentEvent, started(time.Now(), uint64(i), uint32(41+i), "/usr/bin/curl", "curl\x00http://x"))
	}
	g.looked(n)
	g.stop()
	total := uint64(0)
	for _, a := range g.alerts {
		total += a.Count
		if a.DedupKey != g.alerts[0].DedupKey {
			t.Errorf("key %q", a.DedupKey)
		}
	}
	if total != n || g.alerts[0].Count != 1 || len(g.alerts) > n/10 {
		t.Errorf("%d alerts stand for %d matches, the first for %d", len(g.alerts), total, g.alerts[0].Count)
	}
}

// TestARuleWithTooManyDifferentAlertsHasOneForTheRest, and other rules are as before.
func TestARuleWithTooManyDifferentAlertsHasOneForTheRest(t *testing.T) {
	other := strings.NewReplacer("ad001", "ad002", "Curl", "Wget", "curl", "wget").Replace(simple)
	g := run(t, simple+"---\n"+other, nil)
	const n = 3000
	c := g.client("process")
	for i := range n {
		g.publish(c, "events.process.lifecycle", frame.ContentEvent, started(time.Now(), uint64(i), uint32(41+i), fmt.Sprintf("/opt/%d/curl", i), "curl\x00http://x"))
	}
	g.publish(c, "events.process.lifecycle", frame.ContentEvent, started(time.Now(), n, 9, "/usr/bin/wget", "wget\x00http://x"))
	g.looked(n + 1)
	g.stop()
	keys, total, wget := map[string]uint64{}, uint64(0), uint64(0)
	for _, a := range g.alerts {
		if a.Rule.Title == "Wget is run" {
			wget += a.Count
			continue
		}
		keys[a.DedupKey] += a.Count
		total += a.Count
	}
	many := keys["6e6f9a52-6d0e-4a43-9ac5-0f1d9d3ad001|*"]
	if total != n || many == 0 || len(keys) > n-int(many)+1 || wget != 1 {
		t.Errorf("%d keys stand for %d matches, of which %d are the rest; %d of the other rule", len(keys), total, many, wget)
	}
}

func TestWhatTheEndFindsInTheQueueIsLookedAt(t *testing.T) {
	g := run(t, simple, nil)
	c := g.client("process")
	const n = 20_000
	for i := range n {
		g.publish(c, "events.process.lifecycle", frame.ContentEvent, started(time.Now(), uint64(i), 41, "/usr/bin/curl", "curl\x00http://x"))
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.stop()
	s := g.runner.Status()
	if s.Events+s.Lost != n || s.Matches != s.Events {
		t.Errorf("of %d events %d were looked at, %d were lost and %d matched", n, s.Events, s.Lost, s.Matches)
	}
}
