package config_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/agent/config"
)

func TestNoSourceGivesTheDefaults(t *testing.T) {
	l, err := config.Load(config.Sources{})
	if err != nil || !cmp.Equal(l.Config, config.Default()) || len(l.Files)+len(l.Warnings) > 0 {
		t.Errorf("%+v, %v", l, err)
	}
	if o := l.Origin("broker.max_connections"); o.String() != "default" {
		t.Errorf("its origin is %v", o)
	}
}

func TestLaterSourcesTakePrecedence(t *testing.T) {
	dir := folder(t, map[string]string{
		"config.yaml":   "broker:\n  max_connections: 1\n  max_requests: 1\n  max_subscriptions: 1\n  connection_pool_size: 1\nlog: {level: warn}\n",
		"conf.d/b.yaml": "broker: {max_requests: 3, max_subscriptions: 3}\n",
		"conf.d/a.yaml": "broker: {max_requests: 2}\n",
		"conf.d/c.yml":  "broker: {max_requests: 9}\n", // another ending, so it is not read
		"conf.d/.yaml":  "what an editor leaves",
	})
	l, err := config.Load(config.Sources{
		File:    dir + "/config.yaml",
		Environ: []string{"DAEMONEYE_BROKER_MAX_SUBSCRIPTIONS=4", "DAEMONEYE_BROKER_CONNECTION_POOL_SIZE=4", "PATH=/bin", "DAEMONEYE_LOG_LEVEL="},
		Flags:   []config.Setting{{Flag: "--max-connections", Key: "broker.max_connections", Value: "9"}, {Flag: "--max-connections", Key: "broker.max_connections", Value: "5"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range []string{"broker.max_connections", "broker.max_requests", "broker.max_subscriptions", "log.level", "log.format"} {
		got[name] = config.Lookup(name).Text(l.Config) + " of " + strings.ReplaceAll(l.Origin(name).String(), dir, "")
	}
	want := map[string]string{
		"broker.max_connections":   "5 of --max-connections",
		"broker.max_requests":      "3 of /conf.d/b.yaml:1",
		"broker.max_subscriptions": "4 of DAEMONEYE_BROKER_MAX_SUBSCRIPTIONS",
		"log.level":                "warn of /config.yaml:6",
		"log.format":               "text of default",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	files := []string{dir + "/config.yaml", dir + "/conf.d/a.yaml", dir + "/conf.d/b.yaml"}
	if !slices.Equal(l.Files, files) {
		t.Errorf("read %v, want %v", l.Files, files)
	}
}

// TestMistakesOfVariablesAndFlags name the variable or the flag.
func TestMistakesOfVariablesAndFlags(t *testing.T) {
	tests := []struct {
		name string
		s    config.Sources
		want string
	}{
		{"a variable that is no number", config.Sources{Environ: []string{"DAEMONEYE_BROKER_MAX_CONNECTIONS=many"}},
			`DAEMONEYE_BROKER_MAX_CONNECTIONS is "many", want a whole number`},
		{"two variables that disagree", config.Sources{Environ: []string{
			"DAEMONEYE_BROKER_MAX_CONNECTIONS=1", "DAEMONEYE_BROKER_CONNECTION_POOL_SIZE=2"}},
			"DAEMONEYE_BROKER_MAX_CONNECTIONS is 1, but DAEMONEYE_BROKER_CONNECTION_POOL_SIZE, which is the same, is 2"},
		{"two flags that disagree", config.Sources{Flags: []config.Setting{
			{Flag: "--max-connections", Key: "broker.max_connections", Value: "1"}, {Flag: "--set", Key: "broker.connection_pool_size", Value: "2"}}},
			"--set is 2, but --max-connections, which is the same, is 1"},
		{"a flag out of its bounds", config.Sources{Flags: []config.Setting{{Flag: "--max-connections", Key: "broker.max_connections", Value: "0"}}},
			"--max-connections is 0, want 1 to 100000"},
		{"a flag for no key", config.Sources{Flags: []config.Setting{{Flag: "--set", Key: "broker.max_conections", Value: "0"}}},
			`--set: there is no key "broker.max_conections"; do you mean broker.max_connections?`},
		{"memory for no message", config.Sources{Flags: []config.Setting{
			{Flag: "--max-memory-bytes", Key: "broker.max_memory_bytes", Value: "40KiB"}, {Flag: "--max-message-size", Key: "broker.max_message_size", Value: "64KiB"}}},
			"--max-memory-bytes is 40KiB, want at least --max-message-size, which is 64KiB"},
	}
	for _, tt := range tests {
		if _, err := config.Load(tt.s); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestUnknownVariablesWarn(t *testing.T) {
	l, err := config.Load(config.Sources{Environ: []string{
		"DAEMONEYE_BROKER_MAX_CONECTIONS=5", "DAEMONEYE_WEATHER=fine", "DAEMONEYE_CONFIG=/etc/x.yaml", "DAEMON=1"}})
	want := []string{
		"DAEMONEYE_BROKER_MAX_CONECTIONS: no key has this variable; do you mean DAEMONEYE_BROKER_MAX_CONNECTIONS?",
		"DAEMONEYE_WEATHER: no key has this variable",
	}
	if err != nil || !slices.Equal(l.Warnings, want) {
		t.Errorf("warnings %q, %v", l.Warnings, err)
	}
}

// TestAMistakeLeavesTheRestInPlace, so that a command can still find the socket of
// an agent whose file was just broken.
func TestAMistakeLeavesTheRestInPlace(t *testing.T) {
	l, err := config.Parse("f", []byte("instance_id: other\nbroker: {socket_path: /x, max_connections: many}\n"))
	if err == nil || l.Config.InstanceID != "other" || l.Config.Broker.SocketPath != "/x" || l.Config.Broker.MaxConnections != 64 {
		t.Errorf("%+v, %v", l.Config, err)
	}
}

// TestMapsMergeAndListsReplace, as no key of Config shows yet.
func TestMapsMergeAndListsReplace(t *testing.T) {
	dir := folder(t, map[string]string{
		"config.yaml":   "tags:\n  b: 2\n  c: 3\nwords: [one, two]\n",
		"conf.d/a.yaml": "tags: {c: 4}\nold_words: [three]\ndeep:\n",
	})
	s, r := loadSample(config.Sources{File: dir + "/config.yaml", Environ: []string{"DAEMONEYE_TAGS=b=x"}})
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"a": "1", "b": "x", "c": "4"}; !maps.Equal(s.Tags, want) || !slices.Equal(s.Words, []string{"three"}) {
		t.Errorf("tags %v, words %v", s.Tags, s.Words)
	}
	got := fmt.Sprint(r.Origin("tags.a"), " ", r.Origin("tags.b"), " ", strings.TrimPrefix(r.Origin("tags.c").String(), dir))
	if got != "default DAEMONEYE_TAGS /conf.d/a.yaml:1" {
		t.Errorf("origins %s", got)
	}
	for _, tt := range []struct{ text, want string }{
		{"tags: {d: 4, e: 5, f: 6}", "tags has 4 entries with those of other sources, want at most 3 entries"},
		{"tags: {d: 4, d: 5}", "tags.d: duplicate key, the first is in line 1"},
		{"tags: {D: 4}", `tags: name "D": want small letters`},
		{"tags: {d: [4]}", "tags.d: want one value"},
		{"tags: {d: \"\\n\"}", `tags: "d": want text without control characters`},
		{"tags: 5", "tags: want names and values below it"},
	} {
		dir := folder(t, map[string]string{"config.yaml": tt.text})
		_, r := loadSample(config.Sources{File: dir + "/config.yaml"})
		if err := r.Err(); err == nil || !strings.HasSuffix(err.Error(), ": "+tt.want) {
			t.Errorf("%s: %v, want %s", tt.text, err, tt.want)
		}
	}
	_, r = loadSample(config.Sources{Flags: []config.Setting{{Flag: "-tags", Key: "tags", Value: "b"}}})
	if err := r.Err(); !errors.Is(err, config.ErrValue) {
		t.Errorf("a pair without a value: %v", err)
	}
}

// TestPrecedence has any keys in any sources: of each key the value of the last
// source that has it is in force, and its origin is that source.
func TestPrecedence(t *testing.T) {
	names := []string{"broker.max_connections", "broker.connection_pool_size", "broker.max_requests", "broker.max_subscriptions"}
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		// Each source sets a key by one of its names at most.
		source := func(label string) map[string]int {
			m := rapid.MapOf(rapid.SampledFrom(names), rapid.IntRange(1, 99)).Draw(t, label)
			if _, ok := m[names[0]]; ok {
				delete(m, names[1])
			}
			return m
		}
		file, part, variables, flags := source("file"), source("conf.d"), source("environment"), source("flags")
		write(t, dir+"/config.yaml", section(file))
		write(t, dir+"/conf.d/x.yaml", section(part))
		s := config.Sources{File: dir + "/config.yaml"}
		for name, n := range variables {
			s.Environ = append(s.Environ, fmt.Sprintf("DAEMONEYE_%s=%d", strings.ToUpper(strings.ReplaceAll(name, ".", "_")), n))
		}
		for name, n := range flags {
			s.Flags = append(s.Flags, config.Setting{Flag: "--set", Key: name, Value: fmt.Sprint(n)})
		}
		l, err := config.Load(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []*config.Key{config.Lookup(names[0]), config.Lookup(names[2]), config.Lookup(names[3])} {
			want, layer := k.Default, config.LayerDefault
			for i, m := range []map[string]int{file, part, variables, flags} {
				for _, name := range []string{k.Name, k.Alias} {
					if n, ok := m[name]; ok {
						want, layer = fmt.Sprint(n), []config.Layer{config.LayerFile, config.LayerFile, config.LayerEnvironment, config.LayerFlag}[i]
					}
				}
			}
			if got, o := k.Text(l.Config), l.Origin(k.Name); got != want || o.Layer != layer {
				t.Fatalf("%s is %s of %v, want %s of layer %d", k.Name, got, o, want, layer)
			}
		}
	})
}

func section(m map[string]int) string {
	if len(m) == 0 {
		return ""
	}
	s := "broker:\n"
	for name, n := range m {
		s += fmt.Sprintf("  %s: %d\n", strings.TrimPrefix(name, "broker."), n)
	}
	return s
}
