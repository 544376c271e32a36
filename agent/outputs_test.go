package agent_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/logtest"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// catching is a configuration with one rule, which raises an alert for each event of
// raise.
func catching(t *testing.T) *config.Config {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "own.yml"), []byte(ruleOf("own")), 0o600); err != nil {
		t.Fatal(err)
	}
	return configured(func(c *config.Config) {
		c.Detection.Rules, c.Detection.Watch, c.Detection.BuiltIn, c.Detection.FoldWindow = []string{dir}, false, false, 0
		c.Alerts.Burst = 100000
		c.Broker.SocketPath = socket(t)
	})
}

// raise publishes an event with that number, which the rule of catching catches.
func raise(t *testing.T, c *ipc.Client, n int) {
	t.Helper()
	body := fmt.Sprintf(`{"event":{"action":"start"},"process":{"pid":%d,"executable":"/%d/made-up","command_line":"made-up --password=hunter2"}}`, n, n)
	m := router.Outgoing{Topic: "events.process.test", Payload: []byte(body), Content: frame.ContentJSON}
	if _, err := c.PublishConfirmed(t.Context(), m); err != nil {
		t.Error(err)
	}
}

// number returns that of the event in an alert.
func number(t *testing.T, body []byte) (n int) {
	t.Helper()
	var a alert.Alert
	var e struct {
		Process struct {
			PID int `json:"pid"`
		} `json:"process"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		t.Errorf("%v in %.200q", err, body)
	} else if err := json.Unmarshal(a.Event, &e); err != nil {
		t.Errorf("%v in %.200q", err, body)
	}
	return e.Process.PID
}

// numbers returns those of all alerts in a file, nil where there is none.
func numbers(t *testing.T, path string) (all []int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		if bytes.HasSuffix(line, []byte("\n")) { // else it is being written
			all = append(all, number(t, line))
		}
	}
	return all
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

// TestAlertsAreInAFileByDefault, without a secret in them, each once, also after a restart.
func TestAlertsAreInAFileByDefault(t *testing.T) {
	o := agent.Options{DataDir: filepath.Join(t.TempDir(), "data"), Config: catching(t)}
	path := filepath.Join(o.DataDir, "alerts.jsonl")
	for round := range 2 {
		r := start(t, o)
		client := r.dial(ipc.ClientOptions{})
		for i := range 3 {
			raise(t, client, round*3+i+1)
		}
		eventually(t, "the alerts are in the file", func() bool { return len(numbers(t, path)) == round*3+3 })
		if diff := cmp.Diff(upTo(round*3+3), numbers(t, path)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		eventually(t, "the output is done", func() bool { s := status(t, client).Outputs; return len(s) == 1 && s[0].Lag == 0 })
		if s := status(t, client); s.Outputs[0].Name != "alerts" || s.Outputs[0].Target != path || s.Outputs[0].Alerts != 3 || s.Parts["outputs"].State != control.Healthy {
			t.Errorf("outputs %+v, parts %+v", s.Outputs, s.Parts)
		}
		_ = client.Close()
		r.stop()
	}
	b, err := os.ReadFile(path)
	if err != nil || bytes.Contains(b, []byte("hunter2")) || !bytes.Contains(b, []byte(`--password=[redacted]`)) {
		t.Errorf("%v; the file has %.500s", err, b)
	}
}

// TestOutputsFollowReloads under load: one that is added gets all from then on, one that
// is changed and one that stays lose nothing, and one that comes back goes on where it was.
func TestOutputsFollowReloads(t *testing.T) {
	var mu sync.Mutex
	var got []int // guarded by mu
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, number(t, b))
	}))
	defer hook.Close()
	o := agent.Options{DataDir: filepath.Join(t.TempDir(), "data"), Config: catching(t)}
	var next atomic.Pointer[config.Config]
	o.Load = func() (*config.Loaded, error) {
		c := *next.Load()
		return &config.Loaded{Config: &c}, nil
	}
	r := start(t, o)
	client, operator := r.dial(ipc.ClientOptions{}), r.dial(ipc.ClientOptions{Name: "operator"})
	reload := func(outputs map[string]config.Output) {
		t.Helper()
		c := *o.Config
		c.Outputs = outputs
		next.Store(&c)
		if x := ask[control.Reloaded](t, operator, control.ReloadTarget); len(x.Mistakes) > 0 {
			t.Fatal(x.Mistakes)
		}
	}
	plain := config.Default().Outputs["alerts"]
	web := plain
	web.Type, web.URL, web.Template = "webhook", hook.URL, "json"
	const each, rounds = 10, 8 // fewer together than a rule may raise at once
	var raised atomic.Int64
	var load sync.WaitGroup
	turns := make(chan struct{}, rounds)
	load.Go(func() {
		for range turns {
			for range each {
				raise(t, client, int(raised.Add(1)))
			}
		}
	})
	for i := range rounds {
		turns <- struct{}{} // while the reload goes on
		x := web
		x.Batch = 1 + i
		switch i % 3 {
		case 2:
			reload(map[string]config.Output{"alerts": plain})
		default:
			reload(map[string]config.Output{"alerts": plain, "hook": x})
		}
	}
	close(turns)
	load.Wait()
	n := int(raised.Load())
	reload(map[string]config.Output{"alerts": plain, "hook": web})
	path := filepath.Join(o.DataDir, "alerts.jsonl")
	eventually(t, "all alerts are sent", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Contains(numbers(t, path), n) && slices.Contains(got, n)
	})
	if diff := cmp.Diff(upTo(n), numbers(t, path)); diff != "" {
		t.Errorf("the file, each once and in order (-want +got):\n%s", diff)
	}
	mu.Lock()
	defer mu.Unlock()
	unique := slices.Compact(slices.Clone(got))
	if diff := cmp.Diff(upTo(n)[n-len(unique):], unique); diff != "" {
		t.Errorf("the webhook, all from its first on (-want +got):\n%s", diff)
	}
	t.Logf("%d alerts, %d of them to the webhook, %d requests", n, len(unique), len(got))
}

// TestAnOutputIsTested on request: what the receiver reports is the answer, and a dead one is
// in the health.
func TestAnOutputIsTested(t *testing.T) {
	c := catching(t)
	bad := c.Outputs["alerts"]
	bad.Type, bad.URL, bad.Template = "webhook", "http://127.0.0.1:1/hunter2", "json"
	c.Outputs["bad"] = bad
	var out logtest.Buffer
	std := c.Outputs["alerts"]
	std.Type, std.Format, std.Topics = "stdout", "text", []string{"alerts.#", "events.#"}
	c.Outputs["std"] = std
	r := start(t, agent.Options{DataDir: filepath.Join(t.TempDir(), "data"), Config: c, Stdout: &out})
	client := r.dial(ipc.ClientOptions{})
	test := func(name string) control.OutputTested {
		t.Helper()
		reply, err := client.Request(t.Context(), control.OutputTestTarget, []byte(`{"output":"`+name+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		return parse[control.OutputTested](t, reply.Payload)
	}
	if x := test("alerts"); x.Error != "" || x.Unknown {
		t.Errorf("%+v", x)
	}
	if x := test("bad"); !strings.Contains(x.Error, "connection refused") || strings.Contains(x.Error, "hunter2") {
		t.Errorf("%+v", x)
	}
	if x := test("none"); !x.Unknown || !slices.Equal(x.Outputs, []string{"alerts", "bad", "std"}) {
		t.Errorf("%+v", x)
	}
	raise(t, client, 1)
	eventually(t, "the dead one is in the health", func() bool {
		h := status(t, client).Parts["outputs"]
		return h.State == control.Degraded && strings.HasPrefix(h.Reason, "bad: not delivered since ")
	})
	eventually(t, "alert and event are on standard output", func() bool {
		text := out.String()
		return strings.Contains(text, " critical own on ") && strings.Contains(text, " events.process.test: made-up --password=[redacted] (pid 1)")
	})
}
