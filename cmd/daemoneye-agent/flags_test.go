package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// TestEachNumberHasBounds: each flag of each command that takes a number, a size or a
// time refuses absurd values, and names its bounds. Flags that take anything else are
// listed here.
func TestEachNumberHasBounds(t *testing.T) {
	others := map[string]bool{ // texts, and those that are on or off
		"help": true, "config": true, "set": true, "instance": true, "socket": true, "collectors": true, "process-source": true,
		"log-level": true, "log-format": true, "quiet": true, "json": true, "line": true, "replay": true, "topics": true, "fields": true,
		"where": true, "retain": true, "confirm": true, "origin": true, "folder": true, "id": true, "reason": true, "check": true, "no-rollback": true,
		"placeholder": true, "withdrawn": true, "level": true, "status": true, "tag": true, "active": true, "inactive": true, "events": true, "category": true, "examples": true, "builtin": true, "select": true, "exclude": true, "layer": true, "name": true,
		"all": true, "host": true, "rule": true, "silenced": true, "since": true, "until": true, "text": true, "note": true, "sort": true,
	}
	commands := 0
	eachCommand(newRoot(&cli.Program{Out: cli.NewOutput(io.Discard)}), func(c *cobra.Command) {
		if c.HasSubCommands() {
			return
		}
		commands++
		args := strings.Fields(c.CommandPath())[1:]
		if strings.Contains(c.Use, " ") {
			args = append(args, "events.demo")
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if others[f.Name] {
				return
			}
			for _, value := range []string{
				"-1", "-9223372036854775808", "99999999999999", "9223372036854775807", "99999999999999999999", "1e400", "NaN", "Inf", "1000000h", "-1ns",
				"2562047h47m16.854775807s", "0x7fffffffffffffff", "1 ", "", "many",
			} {
				status, out, errs := run(t, append(args, "--"+f.Name+"="+value)...)
				if status != cli.ExitUsage || out != "" || !strings.Contains(errs, "--"+f.Name+" is ") || !strings.Contains(errs, ", want ") {
					t.Errorf("%s --%s=%s: exit status %d, %s%s", c.CommandPath(), f.Name, value, status, out, errs)
				}
			}
		})
	})
	if commands < 10 {
		t.Errorf("%d commands were tried", commands)
	}
}

func TestBoundsOfFlags(t *testing.T) {
	tests := []struct{ args, want string }{
		{"tail events.demo --count -1", "--count is -1, want 0 to 1000000000"},
		{"tail events.demo --count 99999999999999999999", "--count is 99999999999999999999, want 0 to 1000000000"},
		{"tail events.demo --count many", `--count is "many", want a whole number`},
		{"tail events.demo --timeout soon", `--timeout is "soon", want a time from 0s to 8760h, such as 1s`},
		{"bench --rate NaN", "--rate is NaN, want 0.01 to 1000000000"},
		{"bench --rate 1e400", "--rate is 1e400, want 0.01 to 1000000000"},
		{"bench --window 0", "--window is 0, want 1 to 1000000"},
		{"bench --duration 61m", "--duration is 1h1m, want 1ms to 1h"},
		{"bench --latency-budget 2s", "--latency-budget is 2s, want 0s to 1s"},
		{"publish events.demo x --priority 0", "--priority is 0, want 1 to 10"},
		{"run --message-buffer-size 99999999999", "--message-buffer-size is 99999999999, want 1 to 10000000"},
	}
	for _, tt := range tests {
		status, _, errs := run(t, strings.Fields(tt.args)...)
		if status != cli.ExitUsage || !strings.Contains(errs, ": "+tt.want+"\n") {
			t.Errorf("%s: exit status %d, %s, want %s", tt.args, status, errs, tt.want)
		}
	}
}
