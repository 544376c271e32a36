package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/event"
)

// The story is the same for every source: programs that end at once, chains of two execs
// in one process, and programs that go on for a while. What each source shows of it is
// compared with what happened.
const (
	storyShort  = 200 // programs that end at once
	storyChains = 100 // processes of two programs each, which end at once
	storyLong   = 20  // programs that the test ends
)

// shown is what a source showed of the story, as a row of the table in the README.
type shown struct {
	starts, known   int // programs, and those of them with executable and command line
	exits, statuses int
	wrong           []string // what did not happen
}

func TestEverySourceShowsTheSameStory(t *testing.T) {
	dir := t.TempDir()
	wrap, payload := filepath.Join(dir, "wrap"), filepath.Join(dir, "payload")
	copyProgram(t, "/bin/true", payload)
	if err := os.WriteFile(wrap, []byte("#!/bin/sh\nexec \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	const programs, processes = storyShort + 2*storyChains + storyLong, storyShort + storyChains + storyLong
	for _, source := range sources {
		t.Run(source.name, func(t *testing.T) {
			r := run(t, source.options)
			happened := perform(t, r, wrap, payload)
			got := compareWith(t, r, happened, shell, payload)
			t.Logf("%-8s %3d of %d starts, %3d with their program; %3d of %d exits, %3d with their status",
				source.name, got.starts, programs, got.known, got.exits, processes, got.statuses)
			for _, w := range got.wrong {
				t.Error(w)
			}
			switch want := (shown{starts: programs, known: programs, exits: processes, statuses: processes}); source.options.Mode {
			case ModeEBPF:
				if got.starts != want.starts || got.known != want.known || got.exits != want.exits || got.statuses != want.statuses {
					t.Errorf("got %+v, want %+v", got, want)
				}
			case ModeNetlink: // which programs are known is a matter of time
				if got.starts != want.starts || got.exits != want.exits || got.statuses != want.statuses || got.known < storyLong {
					t.Errorf("got %+v, want all starts and exits", got)
				}
			default:
				if got.known < storyLong || got.exits < storyLong {
					t.Errorf("got %+v, want the %d long programs at least", got, storyLong)
				}
			}
		})
	}
}

// perform has the story happen, and returns the programs of each process by its pid. The long
// ones have been seen by then, and ended.
func perform(t *testing.T, r *running, wrap, payload string) map[uint32][]string {
	t.Helper()
	r.keep = true
	happened := make(map[uint32][]string)
	finish := func(cmd *exec.Cmd, lines ...string) {
		t.Helper()
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		happened[uint32(cmd.Process.Pid)] = lines
	}
	line := func(args ...string) string { return strings.Join(args, "\x00") + "\x00" }
	for i := range storyShort {
		n := fmt.Sprint("short ", i)
		finish(exec.Command(payload, n), line(payload, n))
	}
	for i := range storyChains {
		n := fmt.Sprint("chain ", i)
		finish(exec.Command(wrap, payload, n), line("/bin/sh", wrap, payload, n), line(payload, n))
	}
	var long []*exec.Cmd
	for i := range storyLong {
		cmd := command(t, "/bin/sleep", fmt.Sprint(1000+i))
		long = append(long, cmd)
		happened[uint32(cmd.Process.Pid)] = []string{line("/bin/sleep", fmt.Sprint(1000+i))}
	}
	// Their starts need not come in this order: a program is on its way before its exec is
	// recorded, and the next one may be recorded by the other processor.
	started := make(map[uint32]bool)
	r.await("the start of each long program", func(p *event.Process) bool {
		if _, ours := happened[p.PID]; ours && p.Operation == event.OpStart && strings.HasPrefix(p.CommandLine, "/bin/sleep\x00") {
			started[p.PID] = true
		}
		return len(started) == len(long)
	})
	for _, cmd := range long {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	return happened
}

// compareWith compares what came with what happened, until the exit of the last process.
func compareWith(t *testing.T, r *running, happened map[uint32][]string, shell, payload string) (got shown) {
	t.Helper()
	marker := command(t, "/bin/sleep", "987")
	r.awaitOf(marker.Process.Pid, event.OpStart)
	_ = marker.Process.Kill()
	_ = marker.Wait()
	r.awaitOf(marker.Process.Pid, event.OpExit)
	seen := make(map[uint32]int) // programs
	for _, p := range r.kept {
		lines, ours := happened[p.PID]
		if !ours {
			continue
		}
		switch p.Operation {
		case event.OpExit:
			got.exits++
			if !p.Flags.Has(event.ExitStatusUnknown) {
				got.statuses++
			}
		case event.OpStart:
			got.starts++
			n := seen[p.PID]
			seen[p.PID]++
			if p.Flags&(event.ExecutableUnread|event.CommandLineUnread) != 0 {
				continue
			}
			got.known++
			i := slices.Index(lines, p.CommandLine)
			program := payload
			if strings.HasPrefix(p.CommandLine, "/bin/sh\x00") {
				program = shell
			}
			// A source that misses a program may show the second one first.
			if i < n || !strings.Contains(p.CommandLine, "/bin/sleep") && p.Executable != program {
				got.wrong = append(got.wrong, fmt.Sprintf("program %d of %q is shown as %s, %q", n+1, lines, p.Executable, p.CommandLine))
			}
			if r.mode != ModePoll && i != n {
				got.wrong = append(got.wrong, fmt.Sprintf("program %d of %q is shown as %q", n+1, lines, p.CommandLine))
			}
		}
	}
	return got
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}
