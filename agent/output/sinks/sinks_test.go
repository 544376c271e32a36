package sinks_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/outputtest"
	"github.com/daemoneye/eventbus/agent/output/sinks"
	"github.com/daemoneye/eventbus/agent/output/stdout"
	"github.com/daemoneye/eventbus/agent/output/webhook"
)

func specs(t *testing.T, text string, e sinks.Environment) map[string]output.Spec {
	t.Helper()
	l, err := config.Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	all, err := sinks.Specs(l.Config, e)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]output.Spec{}
	for _, s := range all {
		byName[s.Name] = s
	}
	return byName
}

func TestEachTypeHasASink(t *testing.T) {
	all := specs(t, `
outputs:
  a: {type: stdout}
  b: {type: file, path: /x/y}
  c: {type: syslog, address: "tls://siem:6514"}
  d: {type: journald}
  e: {type: webhook, url: "https://hook.example/T0/hunter2?k=hunter2"}
  f: {type: nats, address: "nats://n:4222"}
  g: {type: webhook, url: "file:/run/u", template: slack}
  off: {type: stdout, enabled: false}
`, sinks.Environment{DataDir: "/data", Stdout: stdout.NewWriter(os.Stderr)})
	want := map[string]string{
		"a": "standard output", "b": "/x/y", "c": "tls://siem:6514", "d": "/run/systemd/journal/socket", "e": "https://hook.example",
		"f": "nats://n:4222", "g": "file:/run/u", "alerts": "/data/alerts.jsonl",
	}
	for name, target := range want {
		s, ok := all[name]
		if !ok || s.Target != target {
			t.Errorf("%s sends to %q, want %q", name, s.Target, target)
			continue
		}
		sink, err := s.New()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if err := sink.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(all) != len(want) {
		t.Errorf("%d outputs, want %d", len(all), len(want))
	}
	for _, word := range config.Lookup("outputs").EntryWords("template") {
		if _, err := webhook.New(webhook.Options{Template: word}); err != nil {
			t.Error(err)
		}
	}
}

// TestTheExampleInTheREADME is a configuration that works as it stands there.
func TestTheExampleInTheREADME(t *testing.T) {
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n## Outputs\n")
	_, rest, found := strings.Cut(rest, "```yaml\n")
	example, _, closed := strings.Cut(rest, "```")
	if !ok || !found || !closed {
		t.Fatal("the README has no such example")
	}
	if all := specs(t, example, sinks.Environment{DataDir: "/data"}); len(all) != 6 {
		t.Errorf("%d outputs, want 6", len(all))
	}
}

// TestSecretsDoNotLeave holds that each output replaces them by default, in each format, and
// leaves them where an operator wants that.
func TestSecretsDoNotLeave(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	all := specs(t, `
outputs:
  alerts: {redact_patterns: ["card (\\d+)"]}
  text: {type: file, format: text}
  plain: {redact: false}
  std: {type: stdout}
`, sinks.Environment{DataDir: dir, Stdout: stdout.NewWriter(&out)})
	a := outputtest.Alert(1, alert.High)
	a.Event = []byte(`{"process":{"command_line":"mysql --password=hunter2 card 4711","args":["mysql","--password=hunter2"]}}`)
	body, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range all {
		sink, err := s.New()
		if err != nil {
			t.Fatal(err)
		}
		it := output.Item{Kind: output.KindAlert, ID: "1", Topic: "alerts.high", Level: alert.High, Time: a.Raised, Body: s.Redact(body)}
		if n, err := sink.Send(t.Context(), []output.Item{it}); n != 1 || err != nil {
			t.Fatal(name, n, err)
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		got := out.Bytes()
		if name != "std" {
			if got, err = os.ReadFile(filepath.Join(dir, name+".jsonl")); err != nil {
				t.Fatal(err)
			}
		}
		if has := strings.Contains(string(got), "hunter2"); has != (name == "plain") {
			t.Errorf("%s: %s", name, got)
		}
		if has := strings.Contains(string(got), "4711"); has != (name != "alerts") {
			t.Errorf("%s: %s", name, got)
		}
	}
}
