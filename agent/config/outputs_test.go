package config_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/config"
)

func parse(t *testing.T, text string) *config.Loaded {
	t.Helper()
	l, err := config.Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const outputs = `
outputs:
  alerts: {min_level: low, max_size: 8MiB}
  siem: {type: syslog, address: "tls://siem.example:6514", topics: [alerts.#, events.process.#], tls_ca: /etc/ca.pem}
  hook:
    type: webhook
    url: https://hook.example/a
    headers: {X-Env: prod, Authorization: "file:/run/secrets/auth"}
    secret: env:HOOK_KEY
    timeout: 5s
    redact_patterns: ["card (\\d+)"]
`

func TestOutputsByName(t *testing.T) {
	c := parse(t, outputs).Config
	if got := slices.Sorted(maps.Keys(c.Outputs)); !slices.Equal(got, []string{"alerts", "hook", "siem"}) {
		t.Fatalf("outputs %v", got)
	}
	hook, plain := c.Outputs["hook"], config.Default().Outputs["alerts"]
	if hook.URL != "https://hook.example/a" || hook.Timeout != 5*time.Second || hook.Headers["X-Env"] != "prod" || !hook.Redact || !hook.Enabled || hook.Batch != 100 {
		t.Errorf("hook %+v", hook)
	}
	if plain.Type != "file" || plain.Path != "" || !slices.Equal(plain.Topics, []string{"alerts.#"}) {
		t.Errorf("without a configuration: %+v", plain)
	}
	if a := c.Outputs["alerts"]; a.MinLevel != "low" || a.Type != "file" || a.MaxSize != 8<<20 {
		t.Errorf("the default output with a change: %+v", a)
	}
	if c := parse(t, "outputs: {}").Config; len(c.Outputs) != 0 {
		t.Errorf("none at all: %v", c.Outputs)
	}
	if c := parse(t, "outputs:").Config; len(c.Outputs) != 1 {
		t.Errorf("an empty section: %v", c.Outputs)
	}
}

func TestWhatIsWrongWithAnOutput(t *testing.T) {
	tests := []struct{ text, want string }{
		{"outputs: {a: {type: ftp}}", `f:1:21: outputs.a.type is "ftp", want file, stdout, syslog, journald, webhook or nats`},
		{"outputs: {a: {tpye: file}}", "f:1:15: outputs.a.tpye: unknown key; do you mean outputs.a.type?"},
		{"outputs: {A: {type: file}}", "f:1:11: outputs.A: want 1 to 64 of a-z, 0-9, _ and -"},
		{"outputs: {a: file}", "f:1:14: outputs.a: want its keys below it"},
		{"outputs: [file]", "f:1:10: outputs: want names below it, and the keys of each below that"},
		{"outputs: {a: {type: syslog}}", "f:1:11: outputs.a.address: an output of type syslog needs it, such as unix:/dev/log or tls://siem.example:6514"},
		{"outputs: {a: {type: syslog, address: \"nats://x:1\"}}", `f:1:38: outputs.a.address is "nats://x:1", which is no address of type syslog`},
		{"outputs: {a: {type: nats, address: \"udp://x:1\"}}", `f:1:36: outputs.a.address is "udp://x:1", which is no address of type nats`},
		{"outputs: {a: {type: stdout, path: /x}}", "f:1:35: outputs.a.path: an output of type stdout has no such key"},
		{"outputs: {a: {path: /x}, b: {path: /x}}", "f:1:36: outputs.b.path: output a has the same file"},
		{"outputs: {a: {topics: [events..x]}}", `f:1:23: outputs.a.topics: "events..x": want patterns of topics, such as alerts.# or events.process.+`},
		{"outputs: {a: {redact_patterns: [\"(\"]}}", "f:1:32: outputs.a.redact_patterns: \"(\": error parsing regexp: missing closing ): `(`"},
		{"outputs: {a: {redact_patterns: [\"x*\"]}}", `f:1:32: outputs.a.redact_patterns: "x*" matches the empty text`},
		{"outputs: {a: {type: webhook, url: \"https://x\", user: joe}}", "f:1:54: outputs.a.user: user and password go together"},
		{"outputs: {a: {type: webhook, url: \"https://x\", tls_cert: /x}}", "f:1:58: outputs.a.tls_cert: tls_cert and tls_key go together"},
		{"outputs: {a: {type: webhook, url: \"https://x\", template: pagerduty}}", "f:1:11: outputs.a.secret: the template pagerduty needs the routing key there"},
		// What may be a secret is refused, and not repeated.
		{"outputs: {a: {type: webhook, url: \"https://x\", secret: hunter2}}", "f:1:56: outputs.a.secret: want file:/PATH or env:NAME"},
		{"outputs: {a: {type: nats, address: \"nats://joe:hunter2@x:4222\"}}", "f:1:36: outputs.a.address: want unix:/PATH, udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT; for nats one or more nats:// or tls://\nf:1:11: outputs.a.address: an output of type nats needs it, such as tls://nats.example:4222"},
		{"outputs: {a: {type: webhook, url: \"https://joe:hunter2@x\"}}", "f:1:35: outputs.a.url: want a URL without a user, or file:/PATH or env:NAME that has it"},
		{"outputs: {a: {type: webhook, template: slack, url: \"https://hooks/hunter2\"}}", "f:1:52: outputs.a.url: who knows the URL of slack can send there: want file:/PATH or env:NAME that has it"},
		{"outputs: {a: {type: webhook, url: \"https://x\", headers: {authorization: hunter2}}}", "f:1:57: outputs.a.headers: the value of authorization is a secret: want file:/PATH or env:NAME that has it"},
	}
	for _, tt := range tests {
		_, err := config.Parse("f", []byte(tt.text))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s\n gives %v\n  want %s", tt.text, err, tt.want)
		}
	}
}

func TestOutputsMergeByNameAndKey(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"config.yaml":         "outputs: {a: {type: webhook, url: \"https://one\", headers: {A: x}, batch: 7}}",
		"conf.d/10-more.yaml": "outputs: {a: {url: \"https://two\", headers: {B: y}}, b: {type: stdout}}",
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := config.Load(config.Sources{
		File: filepath.Join(dir, "config.yaml"), Flags: []config.Setting{{Flag: "--set x", Key: "outputs.a.min_level", Value: "high"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	a := l.Config.Outputs["a"]
	if a.URL != "https://two" || a.Batch != 7 || !maps.Equal(a.Headers, map[string]string{"A": "x", "B": "y"}) || a.MinLevel != "high" {
		t.Errorf("a is %+v", a)
	}
	if names := slices.Sorted(maps.Keys(l.Config.Outputs)); !slices.Equal(names, []string{"a", "alerts", "b"}) {
		t.Errorf("outputs %v", names)
	}
	if at := l.Origin("outputs.a.url"); !strings.HasSuffix(at.File, "10-more.yaml") || at.Line != 1 {
		t.Errorf("the URL is from %v", at)
	}
	if at := l.Origin("outputs.a.min_level"); at.Layer != config.LayerFlag {
		t.Errorf("the level is from %v", at)
	}
	l, err = config.Load(config.Sources{Environ: []string{"DAEMONEYE_OUTPUTS=x=stdout,y=file"}})
	if err != nil || len(l.Config.Outputs) != 2 || l.Config.Outputs["x"].Type != "stdout" {
		t.Errorf("by a variable: %v, %v", l.Config.Outputs, err)
	}
}

func TestOutputsAreWrittenAsTheyAre(t *testing.T) {
	l := parse(t, outputs)
	for _, origins := range []bool{false, true} {
		var b bytes.Buffer
		if err := l.Write(&b, origins); err != nil {
			t.Fatal(err)
		}
		again, err := config.Parse("f", b.Bytes())
		if err != nil || !cmp.Equal(again.Config, l.Config) {
			t.Errorf("%v, -want +got:\n%s\nin\n%s", err, cmp.Diff(l.Config.Outputs, again.Config.Outputs), b.String())
		}
		checkWidth(t, b.String())
	}
	none := parse(t, "outputs: {}")
	var b bytes.Buffer
	if err := none.Write(&b, false); err != nil {
		t.Fatal(err)
	}
	if again := parse(t, b.String()); len(again.Config.Outputs) != 0 {
		t.Errorf("none was written as\n%s", b.String())
	}
}

func TestDifferencesOfOutputs(t *testing.T) {
	a, b := parse(t, outputs).Config, parse(t, strings.ReplaceAll(strings.ReplaceAll(outputs, "min_level: low", "min_level: high"), "siem:", "other:")).Config
	want := []config.Change{
		{Key: "outputs.alerts.min_level", Old: "low", New: "high"},
		{Key: "outputs.other.type", New: "syslog"},
		{Key: "outputs.siem.type", Old: "syslog"},
	}
	if diff := cmp.Diff(want, config.Diff(a, b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d := config.Diff(config.Reloaded(a, b), b); len(d) != 0 {
		t.Errorf("after a reload %v", d)
	}
}

func TestTheSchemaTakesOutputs(t *testing.T) {
	s := compile(t, config.Schema())
	if err := validate(s, []byte(outputs)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"outputs: {a: {type: ftp}}", "outputs: {a: {tpye: file}}", "outputs: {A b: {}}", "outputs: {a: file}", "outputs: {a: {batch: 0}}"} {
		if err := validate(s, []byte(bad)); err == nil {
			t.Errorf("it takes %s", bad)
		}
	}
}
