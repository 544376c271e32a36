package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/bus"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/router"
)

// TestCtrlCEndsEveryCommand has the signal come before anything else, and
// standard input never end.
func TestCtrlCEndsEveryCommand(t *testing.T) {
	socket := pretend(t, func(ctx context.Context, _ *router.Request) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	own := filepath.Join(t.TempDir(), "run", "agent.sock")
	tests := []struct {
		name string
		args []string
		want int
	}{
		{"run goes on until then", []string{"run", "-collectors", "none", "-socket", own}, cli.ExitOK},
		{"so does tail", []string{"tail", "-socket", socket, "events.#"}, cli.ExitOK},
		{"tail that counts", []string{"tail", "-socket", socket, "-count", "3", "events.#"}, cli.ExitOK},
		{"a collector that waits for its configuration", []string{"collector", "process"}, cli.ExitOK},
		{"status has not answered", []string{"status", "-socket", socket}, cli.ExitFailed},
		{"reload has not", []string{"reload", "-socket", socket}, cli.ExitFailed},
		{"request has not", []string{"request", "-socket", socket, control.StatusTarget}, cli.ExitFailed},
		{"request that waits for its input", []string{"request", "-socket", socket, control.StatusTarget, "-"}, cli.ExitFailed},
		{"publish that waits for its input", []string{"publish", "-socket", socket, "events.demo"}, cli.ExitFailed},
		{"bench has nothing to show", []string{"bench", "-socket", socket}, cli.ExitFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, typing := io.Pipe()
			defer typing.Close()
			ctx, interrupt := context.WithCancel(t.Context())
			interrupt()
			var out, errs bytes.Buffer
			got := realMain(ctx, &cli.Program{In: in, Out: cli.NewOutput(&out), Err: &errs}, tt.args)
			want := ""
			if tt.want == cli.ExitFailed {
				want = "daemoneye-agent: error: " + tt.args[0] + ": interrupted\n"
			}
			if got != tt.want || !strings.HasSuffix(errs.String(), want) || want == "" && errs.Len() > 0 {
				t.Errorf("exit status %d, want %d; %s", got, tt.want, errs.String())
			}
		})
	}
}

func TestFlagsMayStandAnywhere(t *testing.T) {
	tests := []struct {
		name string
		args []string
		json bool
		text string
		want []string
	}{
		{"before arguments", []string{"-json", "a", "b"}, true, "", []string{"a", "b"}},
		{"behind them", []string{"a", "b", "-json"}, true, "", []string{"a", "b"}},
		{"between them", []string{"a", "--json", "b"}, true, "", []string{"a", "b"}},
		{"nowhere", []string{"a"}, false, "", []string{"a"}},
		{"not behind --", []string{"a", "--", "-json", "b"}, false, "", []string{"a", "-json", "b"}},
		{"-- is no argument", []string{"--", "a"}, false, "", []string{"a"}},
		{"but the second one is", []string{"--", "a", "--"}, false, "", []string{"a", "--"}},
		{"- is an argument", []string{"a", "-"}, false, "", []string{"a", "-"}},
		{"nothing", nil, false, "", nil},
		{"with a value behind one dash", []string{"-text", "x", "a"}, false, "x", []string{"a"}},
		{"with a value behind =", []string{"-text=-x", "a"}, false, "-x", []string{"a"}},
		{"with a value that looks like a flag", []string{"-text", "-json", "a"}, false, "-json", []string{"a"}},
		{"with a value of two dashes", []string{"--text", "--", "a"}, false, "--", []string{"a"}},
		{"false, as package flag has it", []string{"-json=false", "a"}, false, "", []string{"a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			c := &cobra.Command{Use: "x", RunE: func(_ *cobra.Command, args []string) error { got = args; return nil }}
			json, text := c.Flags().Bool("json", false, ""), c.Flags().String("text", "", "")
			c.SetArgs(rewrite(c, tt.args))
			if err := c.Execute(); err != nil {
				t.Fatal(err)
			}
			if *json != tt.json || *text != tt.text || !slices.Equal(got, tt.want) {
				t.Errorf("json %v, text %q, arguments %q", *json, *text, got)
			}
		})
	}
}

// TestNoFlagHasAValueInOneCommandOnly, because rewrite does not know the command.
func TestNoFlagHasAValueInOneCommandOnly(t *testing.T) {
	valued := map[string]bool{}
	eachCommand(newRoot(&cli.Program{Out: cli.NewOutput(io.Discard)}), func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			v := f.NoOptDefVal == ""
			if before, ok := valued[f.Name]; ok && before != v {
				t.Errorf("--%s of %s", f.Name, c.CommandPath())
			}
			valued[f.Name] = v
		})
	})
}

// eachCommand calls f with c and all below it.
func eachCommand(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range c.Commands() {
		eachCommand(sub, f)
	}
}

// broken is an output that fails after some bytes.
type broken struct {
	room int
	err  error
}

func (b *broken) Write(p []byte) (int, error) {
	n := min(len(p), b.room)
	b.room -= n
	if n < len(p) {
		return n, b.err
	}
	return n, nil
}

func TestOutputThatCannotBeWritten(t *testing.T) {
	tests := []struct {
		name string
		out  broken
		args []string
		want int
		said string
	}{
		{"the reader has enough", broken{10, unix.EPIPE}, []string{"help"}, cli.ExitOK, ""},
		{"of the help of a command", broken{10, unix.EPIPE}, []string{"run", "-help"}, cli.ExitOK, ""},
		{"the disk is full", broken{10, unix.ENOSPC}, []string{"version"}, cli.ExitFailed,
			"daemoneye-agent: error: version: standard output: no space left on device\n"},
		{"of a wrong command line more is to be said", broken{0, unix.EPIPE}, []string{"version", "now"}, cli.ExitUsage,
			"daemoneye-agent: error: version: takes no arguments"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var errs bytes.Buffer
			got := realMain(t.Context(), &cli.Program{In: strings.NewReader(""), Out: cli.NewOutput(&tt.out), Err: &errs}, tt.args)
			if got != tt.want || !strings.HasPrefix(errs.String(), tt.said) || tt.said == "" && errs.Len() > 0 {
				t.Errorf("exit status %d, want %d; %q", got, tt.want, errs.String())
			}
		})
	}
}

// unreadable is an input that must not be looked at.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the input was read")
	return 0, io.EOF
}

// TestWithoutAnAgentTheInputIsNotRead, for it may be long.
func TestWithoutAnAgentTheInputIsNotRead(t *testing.T) {
	for _, args := range [][]string{{"publish", "events.demo"}, {"request", "events.demo", "-"}} {
		var errs bytes.Buffer
		socket := filepath.Join(t.TempDir(), "agent.sock")
		if got := realMain(t.Context(), &cli.Program{In: unreadable{t}, Out: cli.NewOutput(io.Discard), Err: &errs}, append(args, "-socket", socket)); got != cli.ExitNoAgent {
			t.Errorf("%s: exit status %d, want %d: %s", args[0], got, cli.ExitNoAgent, errs.String())
		}
	}
}

// another is this program as daemoneye-agent in a process of its own, changed by
// attr. It skips the test where that is not permitted.
func another(t *testing.T, attr *unix.SysProcAttr, args ...string) (status int, errs string) {
	t.Helper()
	var b bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Args[0], cmd.SysProcAttr, cmd.Stderr = "daemoneye-agent", attr, &b
	if err := cmd.Start(); err != nil {
		t.Skipf("not permitted here: %v", err)
	}
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode(), b.String()
}

// TestWhereTheKernelsEventsAreNotAvailable the hint is the same, whatever the
// reason.
func TestWhereTheKernelsEventsAreNotAvailable(t *testing.T) {
	for name, flags := range map[string]uintptr{"network": unix.CLONE_NEWNET, "pid": unix.CLONE_NEWPID} {
		t.Run(name+" namespace", func(t *testing.T) {
			got, errs := another(t, &unix.SysProcAttr{Cloneflags: flags}, "run", "-process-source", "netlink")
			if got != cli.ExitFailed || !strings.Contains(errs, "the kernel's process events are not available: no process connector") ||
				!strings.Contains(errs, "hint: take --process-source auto") {
				t.Errorf("exit status %d: %s", got, errs)
			}
			// Without the collector nobody asks for them: it goes on to its socket.
			_, errs = another(t, &unix.SysProcAttr{Cloneflags: flags}, "run", "-process-source", "netlink", "-collectors", "none",
				"-socket", "/dev/null/run/agent.sock")
			if !strings.Contains(errs, "error: run: ipc: listen ") {
				t.Error(errs)
			}
		})
	}
}

// TestADirectoryThatMayNotBeWritten to is refused; root, who may write to all of
// them, becomes nobody for it.
func TestADirectoryThatMayNotBeWrittenTo(t *testing.T) {
	top, err := os.MkdirTemp("", "cmd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	dir := filepath.Join(top, "readonly")
	if err := errors.Join(os.Chmod(top, 0o755), os.Mkdir(dir, 0o500)); err != nil {
		t.Fatal(err)
	}
	attr := &unix.SysProcAttr{}
	if os.Geteuid() == 0 {
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	got, errs := another(t, attr, "run", "-collectors", "none", "-socket", filepath.Join(dir, "run", "agent.sock"))
	if got != cli.ExitFailed || !strings.Contains(errs, "permission denied") || !strings.Contains(errs, "hint: the socket needs a directory of its own") {
		t.Errorf("exit status %d: %s", got, errs)
	}
}

// TestAFailedSocketIsNoFailedOutput: both may be a broken pipe.
func TestAFailedSocketIsNoFailedOutput(t *testing.T) {
	var errs bytes.Buffer
	p := &cli.Program{In: nil, Out: cli.NewOutput(io.Discard), Err: &errs}
	if got := p.Exit(t.Context(), bus.NewPublish(p), errors.Join(errors.New("write"), unix.EPIPE)); got != cli.ExitFailed {
		t.Errorf("exit status %d, want %d", got, cli.ExitFailed)
	}
}
