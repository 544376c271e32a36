package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/frame"
)

// TestEachFlagOfAKeySetsIt: -set too.
func TestEachFlagOfAKeySetsIt(t *testing.T) {
	t.Setenv(config.FileVariable, cli.NoFile)
	t.Setenv(config.Lookup("host_id").Env, "")
	t.Setenv(dataVariable, "")
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
			var s cli.Settings
			c := &cobra.Command{Use: "x", RunE: func(*cobra.Command, []string) error { return nil }}
			s.Flags(c)
			s.KeyFlags(c)
			c.SetArgs(rewrite(c, args))
			if err := c.Execute(); err != nil {
				t.Fatalf("%q: %v", args, err)
			}
			l, err := s.Load()
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
	for _, mode := range []process.Mode{process.ModeAuto, process.ModeEBPF, process.ModeNetlink, process.ModePoll} {
		if !takes("collectors: {process: {source: %s}}", mode) {
			t.Errorf("source %s is refused", mode)
		}
	}
	message := "broker: {max_message_size: %d, max_memory_bytes: 1GiB}"
	if takes(message, int64(frame.MaxSize)+1) || !takes(message, min(frame.MaxSize, 64<<20)) {
		t.Errorf("a message may have %d bytes", frame.MaxSize)
	}
}
