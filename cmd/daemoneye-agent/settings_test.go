package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/frame"
)

// TestEachFlagOfAKeySetsIt: -set too.
func TestEachFlagOfAKeySetsIt(t *testing.T) {
	t.Setenv(config.FileVariable, noFile)
	t.Setenv(config.Lookup("host_id").Env, "")
	values := map[string]string{ // beside the default
		"instance_id": "x", "broker.socket_path": "/x", "collectors.process.source": "poll", "log.level": "warn", "log.format": "json",
		"collectors.process.poll_interval": "20ms", "broker.latency_budget": "0",
		"broker.max_message_size": "64KiB", "broker.max_memory_bytes": "200MiB",
	}
	for _, k := range config.Keys() {
		if k.Flag == "" {
			continue
		}
		value, ok := values[k.Name]
		if !ok {
			value = "7"
		}
		for _, args := range [][]string{{"-" + k.Flag, value}, {"--" + k.Flag + "=" + value}, {"-set", k.Name + "=" + value}} {
			var s settings
			c := &cobra.Command{Use: "x", RunE: func(*cobra.Command, []string) error { return nil }}
			s.flags(c)
			s.keyFlags(c)
			c.SetArgs(rewrite(c, args))
			if err := c.Execute(); err != nil {
				t.Fatalf("%q: %v", args, err)
			}
			l, err := s.load()
			if err != nil {
				t.Errorf("%q: %v", args, err)
				continue
			}
			if d := config.Diff(config.Default(), l.Config); len(d) != 1 || d[0].Key != k.Name || l.Origin(k.Name).Layer != config.LayerFlag {
				t.Errorf("%q changes %v", args, d)
			}
		}
	}
}

// TestBoundsOfKeysAreThoseOfTheirReaders, which live elsewhere.
func TestBoundsOfKeysAreThoseOfTheirReaders(t *testing.T) {
	takes := func(format string, args ...any) bool {
		_, err := config.Parse("f", fmt.Appendf(nil, format, args...))
		return err == nil
	}
	interval := "collectors: {process: {poll_interval: %v}}"
	for d, want := range map[time.Duration]bool{
		process.MinInterval: true, process.MinInterval - 1: false, process.MaxInterval: true, process.MaxInterval + 1: false,
	} {
		if takes(interval, d) != want {
			t.Errorf("a poll interval of %v is taken: %v", d, !want)
		}
	}
	if got := config.Default().Collectors.Process.PollInterval; got != process.DefaultInterval {
		t.Errorf("default of the poll interval is %v", got)
	}
	for _, mode := range []process.Mode{process.ModeAuto, process.ModeNetlink, process.ModePoll} {
		if !takes("collectors: {process: {source: %s}}", mode) {
			t.Errorf("source %s is refused", mode)
		}
	}
	message := "broker: {max_message_size: %d, max_memory_bytes: 1GiB}"
	if takes(message, int64(frame.MaxSize)+1) || !takes(message, min(frame.MaxSize, 64<<20)) {
		t.Errorf("a message may have %d bytes", frame.MaxSize)
	}
}

func TestTheFlagCollectorsEnablesWhatItNames(t *testing.T) {
	t.Setenv(config.FileVariable, noFile)
	t.Setenv(config.Lookup("host_id").Env, "")
	for list, want := range map[string]bool{"process": true, "none": false, "": false} {
		var s settings
		if err := s.collectors(list); err != nil {
			t.Fatal(err)
		}
		l, err := s.load()
		if err != nil || l.Config.Collectors.Process.Enabled != want {
			t.Errorf("%q: %+v, %v", list, l.Config.Collectors, err)
		}
	}
	for _, list := range []string{"process,process", "weather", "process,", "enabled"} {
		if err := new(settings).collectors(list); err == nil {
			t.Errorf("%q is taken", list)
		}
	}
}

// TestEachCollectorTakesItsSection: what the configuration has below its name is what it
// reads, by default and with every word that may be chosen.
func TestEachCollectorTakesItsSection(t *testing.T) {
	if got, want := collectorNames(), namesOfKinds(); !slices.Equal(got, want) {
		t.Fatalf("the configuration has the collectors %v, the table %v", got, want)
	}
	for _, k := range kinds {
		section := "collectors." + k.name
		c, err := k.make(config.Default().Section(section), host.Host{})
		if err != nil {
			t.Errorf("%s: %v", k.name, err)
			continue
		}
		able, ok := c.(collector.Able)
		if !ok {
			t.Errorf("%s does not say what it can do", k.name)
			continue
		}
		var values map[string]any
		if err := json.Unmarshal(config.Default().Section(section), &values); err != nil {
			t.Fatal(err)
		}
		a := able.Abilities()
		if diff := cmp.Diff(slices.Sorted(maps.Keys(values)), a.Config); diff != "" {
			t.Errorf("settings of %s (-configuration +collector):\n%s", k.name, diff)
		}
		if !slices.Equal(a.EventTypes, []string{k.name}) || !slices.Contains(a.Topics, "events."+k.name+".gap") {
			t.Errorf("%s can do %+v", k.name, a)
		}
		if _, err := k.make([]byte(`{"surprise":1}`), host.Host{}); err == nil {
			t.Errorf("%s takes a key that there is not", k.name)
		}
	}
}

func namesOfKinds() (all []string) {
	for _, k := range kinds {
		all = append(all, k.name)
	}
	return all
}
