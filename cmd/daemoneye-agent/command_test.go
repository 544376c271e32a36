package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// run runs a command line in this process.
func run(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = realMain(t.Context(), &cli.Program{In: strings.NewReader(""), Out: cli.NewOutput(&o), Err: &e}, args)
	return status, o.String(), e.String()
}

// TestEachCommandIsExplained with an example that uses it, in 80 columns; the command help
// and the flag --help print the same.
func TestEachCommandIsExplained(t *testing.T) {
	root := newRoot(&cli.Program{Out: cli.NewOutput(io.Discard)})
	eachCommand(root, func(c *cobra.Command) {
		if c == root || c.Hidden {
			return
		}
		path := strings.Fields(c.CommandPath())[1:]
		status, out, errs := run(t, append(path, "--help")...)
		if status != cli.ExitOK || errs != "" {
			t.Errorf("%s: exit status %d, %s", c.CommandPath(), status, errs)
		}
		if c.Short == "" || c.Example == "" || !strings.Contains(c.Example, c.CommandPath()) && !strings.Contains(c.Example, "daemoneye-agent "+path[0]) {
			t.Errorf("%s has no example, or nothing short", c.CommandPath())
		}
		for line := range strings.Lines(out) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 80 {
				t.Errorf("%s: more than 80 columns: %s", c.CommandPath(), line)
			}
		}
		if _, help, _ := run(t, append([]string{"help"}, path...)...); help != out && path[0] != "help" {
			t.Errorf("help of %s differs (-asked +helped):\n%s\n%s", c.CommandPath(), out, help)
		}
	})
}

// TestManualPages are right for groff, and there is one of each command.
func TestManualPages(t *testing.T) {
	dir := t.TempDir()
	if status, _, errs := run(t, "man", "-folder", dir); status != cli.ExitOK {
		t.Fatalf("exit status %d: %s", status, errs)
	}
	root := newRoot(&cli.Program{Out: cli.NewOutput(io.Discard)})
	pages := 0
	eachCommand(root, func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" {
			return
		}
		pages++
		b, err := os.ReadFile(filepath.Join(dir, pageName(c)+".1"))
		if err != nil {
			t.Error(err)
			return
		}
		for _, part := range []string{".TH ", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH EXIT STATUS", ".SH EXAMPLES"} {
			if !strings.Contains(string(b), part) {
				t.Errorf("%s has no %s", pageName(c), part)
			}
		}
	})
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(all) != pages {
		t.Errorf("%d pages for %d commands, %v", len(all), pages, err)
	}
	if status, out, _ := run(t, "man", "tail"); status != cli.ExitOK || !strings.Contains(out, ".B \\-\\-count N") {
		t.Errorf("page of tail: exit status %d\n%s", status, out)
	}
	if status, _, errs := run(t, "man", "walk"); status != cli.ExitUsage || !strings.Contains(errs, "there is no command") {
		t.Errorf("page of nothing: exit status %d, %s", status, errs)
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skipf("the pages were not rendered: %v", err)
	}
	for _, path := range all {
		out, err := exec.CommandContext(t.Context(), groff, "-man", "-Tutf8", "-ww", "-z", path).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("groff of %s: %v\n%s", path, err, out)
		}
	}
}

// TestCompletion calls the hidden command that the scripts of the shells call.
func TestCompletion(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{[]string{""}, "run\trun the agent in the foreground\n"},
		{[]string{"config", "s"}, "show\tprint all values in force\nschema\t"},
		{[]string{"tail", "--co"}, "--count\tstop after N messages\n"},
		{[]string{"run", "--log-level", ""}, "debug\ninfo\nwarn\nerror\n"},
		{[]string{"run", "--collectors", ""}, "process\nfilesystem\nnetwork\nperformance\nnone\n"},
		{[]string{"run", "--set", "broker.max_conn"}, "broker.max_connections=\n"},
		{[]string{"tail", "events."}, "events.process.#\n"},
		{[]string{"request", "control.agent.s"}, "control.agent.status\n"},
		{[]string{"help", "config", "d"}, "default\t"},
	}
	for _, tt := range tests {
		status, out, _ := run(t, append([]string{cobra.ShellCompRequestCmd}, tt.args...)...)
		if status != cli.ExitOK || !strings.Contains(out, tt.want) {
			t.Errorf("%q: exit status %d, want %q in\n%s", tt.args, status, tt.want, out)
		}
	}
	for shell, want := range map[string]string{"bash": "complete -o default -F __start_daemoneye-agent", "zsh": "#compdef daemoneye-agent", "fish": "complete -c daemoneye-agent"} {
		status, out, _ := run(t, "completion", shell)
		if status != cli.ExitOK || !strings.Contains(out, want) {
			t.Errorf("script for %s: exit status %d, %d bytes", shell, status, len(out))
		}
	}
	if status, _, errs := run(t, "completion", "csh"); status != cli.ExitUsage || !strings.Contains(errs, "want bash, zsh or fish") {
		t.Errorf("for another shell: exit status %d, %s", status, errs)
	}
}

// TestACollectorMakesNoOtherCommand, and all else that may be typed makes them all.
func TestACollectorMakesNoOtherCommand(t *testing.T) {
	p := &cli.Program{Out: cli.NewOutput(io.Discard)}
	all := len(newRoot(p).Commands())
	for _, tt := range []struct {
		args []string
		want int
	}{
		{[]string{"collector", "process"}, 1}, {[]string{"collector"}, all}, {[]string{"collector", "--help"}, all},
		{[]string{"collectors", "list"}, all}, {[]string{"status"}, all}, {nil, all},
	} {
		if n := len(treeFor(p, tt.args).Commands()); n != tt.want {
			t.Errorf("%q: %d commands, want %d", tt.args, n, tt.want)
		}
	}
}
