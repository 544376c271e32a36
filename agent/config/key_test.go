package config_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/event"
)

// TestEachFieldIsAKey, so that nothing can be configured that the table does not
// know, and no two keys share a name, a variable or a flag.
func TestEachFieldIsAKey(t *testing.T) {
	var fields func(reflect.Type) int
	fields = func(typ reflect.Type) (n int) {
		for i := range typ.NumField() {
			if f := typ.Field(i); f.Type.Kind() == reflect.Struct {
				n += fields(f.Type)
			} else {
				n++
			}
		}
		return n
	}
	all := config.Keys()
	if want := fields(reflect.TypeFor[config.Config]()); len(all) != want {
		t.Errorf("%d keys, want one for each of %d fields", len(all), want)
	}
	seen := map[string]string{}
	take := func(what, key string) {
		if other, ok := seen[what]; ok && what != "" {
			t.Errorf("%s stands for %s and for %s", what, other, key)
		}
		seen[what] = key
	}
	for _, k := range all {
		take(k.Name, k.Name)
		take(k.Alias, k.Name)
		take(k.Env, k.Name)
		if k.Flag != "" {
			take("-"+k.Flag, k.Name)
		}
		if config.Lookup(k.Name) != k || k.Alias != "" && config.Lookup(k.Alias) != k {
			t.Errorf("%s is not found by its names", k.Name)
		}
		if !regexp.MustCompile(`^[a-z_]+(\.[a-z_]+)*$`).MatchString(k.Name) || !regexp.MustCompile(`^DAEMONEYE_[A-Z_]+$`).MatchString(k.Env) {
			t.Errorf("%s has the variable %s", k.Name, k.Env)
		}
		if k.Text(config.Default()) != k.Default && k.Default != "0" {
			t.Errorf("default of %s is %s, and written as %s", k.Name, k.Default, k.Text(config.Default()))
		}
	}
}

// TestTheNamesOfTheSeed are promised, with their defaults.
func TestTheNamesOfTheSeed(t *testing.T) {
	for name, want := range map[string]string{
		"instance_id":                    "default",
		"broker.socket_path":             "",
		"broker.max_connections":         "64",
		"broker.connection_pool_size":    "64",
		"broker.message_buffer_size":     "1000",
		"broker.max_queued_messages":     "1000",
		"broker.connection_timeout_secs": "30",
		"broker.enable_statistics":       "true",
		"broker.stats_interval_secs":     "30",
		"broker.max_message_size":        "1MiB",
		"broker.max_memory_bytes":        "100MiB",
	} {
		k := config.Lookup(name)
		if k == nil || k.Text(config.Default()) != want {
			t.Errorf("%s: %+v, want default %q", name, k, want)
		}
	}
	if k := config.Lookup("broker.max_connections"); k.Env != "DAEMONEYE_BROKER_MAX_CONNECTIONS" {
		t.Errorf("its variable is %s", k.Env)
	}
	if config.Lookup("broker") != nil || config.Lookup("") != nil {
		t.Error("a section is a key")
	}
}

// TestTheDefaultFolderBelongsToTheUser who runs the agent.
func TestTheDefaultFolderBelongsToTheUser(t *testing.T) {
	if os.Geteuid() == 0 {
		if got := config.DefaultFile(); got != "/etc/daemoneye/config.yaml" {
			t.Errorf("of root it is %s", got)
		}
		return
	}
	t.Setenv("XDG_CONFIG_HOME", "/xdg")
	if got := config.DefaultFile(); got != "/xdg/daemoneye/config.yaml" {
		t.Errorf("it is %s", got)
	}
}

// TestLabelsFitIntoAnEvent, all that are taken.
func TestLabelsFitIntoAnEvent(t *testing.T) {
	l, err := config.Parse("f", []byte("labels: {a: "+strings.Repeat("x", 1000)+", b: "+strings.Repeat("y", 16)+"}"))
	if err != nil {
		t.Fatal(err)
	}
	e := event.Process{Origin: event.Origin{Labels: event.Pairs(l.Config.Labels)}}
	v, err := event.Parse(e.Append(nil))
	if err != nil || !slices.Equal(v.Origin().Labels, e.Labels) {
		t.Errorf("%v, %v", v.Origin().Labels, err)
	}
}

// TestAnEventFitsIntoTheLeastMessage, with room for its frame, topic and extension.
func TestAnEventFitsIntoTheLeastMessage(t *testing.T) {
	l, err := config.Parse("f", []byte("broker: {max_message_size: 64KiB}"))
	if err != nil {
		t.Fatal(err)
	}
	if least := int(l.Config.Broker.MaxMessageSize); event.MaxSize+1024 > least {
		t.Errorf("an event may have %d bytes, a message %d", event.MaxSize, least)
	}
	if _, err := config.Parse("f", []byte("broker: {max_message_size: 65535}")); err == nil {
		t.Error("less is taken")
	}
}

// TestAReloadLeavesOnlyWhatWaitsForARestart, for any two configurations.
func TestAReloadLeavesOnlyWhatWaitsForARestart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) *config.Config {
			c := config.Default()
			c.Broker.MaxConnections = rapid.IntRange(1, 3).Draw(t, label+" connections")
			c.Broker.EnableStatistics = rapid.Bool().Draw(t, label+" statistics")
			c.Broker.StatsInterval = time.Duration(rapid.IntRange(1, 3).Draw(t, label+" interval")) * time.Second
			c.Broker.OverflowPolicies = rapid.SliceOfN(rapid.Just("conflate"), 0, 1).Draw(t, label+" policies")
			c.Log.Level = rapid.SampledFrom([]string{"info", "warn"}).Draw(t, label+" level")
			return c
		}
		now, next := draw("now"), draw("next")
		var waiting []config.Change
		for _, c := range config.Diff(now, next) {
			if c.Restart {
				waiting = append(waiting, c)
			}
		}
		after := config.Reloaded(now, next)
		if left := config.Diff(after, next); !slices.Equal(left, waiting) {
			t.Fatalf("left %v, want %v", left, waiting)
		}
		for _, c := range config.Diff(now, after) {
			if c.Restart {
				t.Fatalf("%v is in force without a restart", c)
			}
		}
	})
}

func TestDifferences(t *testing.T) {
	a, b := config.Default(), config.Default()
	if d := config.Diff(a, b); len(d) != 0 {
		t.Errorf("two defaults differ: %v", d)
	}
	b.InstanceID, b.Broker.MaxMemoryBytes, b.Log.Level, b.Broker.OverflowPolicies = "b", 2<<20, "debug", []string{"conflate"}
	want := []config.Change{
		{Key: "instance_id", Old: "default", New: "b", Restart: true},
		{Key: "broker.max_memory_bytes", Old: "100MiB", New: "2MiB", Restart: true},
		{Key: "broker.overflow_policies", Old: "drop-oldest,drop-newest,conflate,disconnect", New: "conflate"},
		{Key: "log.level", Old: "info", New: "debug"},
	}
	if d := config.Diff(a, b); !slices.Equal(d, want) {
		t.Errorf("difference %v, want %v", d, want)
	}
	// What waits for a restart is not in force, and is still different next time.
	now := config.Reloaded(a, b)
	if now.Log.Level != "debug" || now.Broker.MaxMemoryBytes != 100<<20 || !slices.Equal(now.Broker.OverflowPolicies, []string{"conflate"}) || a.Log.Level != "info" {
		t.Errorf("in force: %+v", now)
	}
	if d := config.Diff(now, b); !slices.Equal(d, want[:2]) {
		t.Errorf("after a reload %v, want %v", d, want[:2])
	}
}
