package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/collector/storytest"
	"github.com/daemoneye/eventbus/agent/event"
)

// The story is the same for every source: programs that end at once, chains of two execs
// in one process, and programs that go on for a while, some of them with names and
// arguments as hardly any has them. What each source shows of it is compared with what
// happened.
const (
	storyShort  = 200 // programs that end at once
	storyChains = 300 // processes of two programs each, which end at once
	storyLong   = 20  // programs that the test ends
	storyOdd    = 4   // the same, with odd names and arguments

	storyPrograms  = storyShort + 2*storyChains + storyLong + storyOdd
	storyProcesses = storyShort + storyChains + storyLong + storyOdd
	storySeen      = storyLong + storyOdd // that polling cannot miss
)

// storyRows are the table in the README: ebpf, netlink, and poll at 20 ms.
var storyRows = []storytest.Row{
	{What: "824 programs: seen", Want: []storytest.Bound{
		storytest.Just(storyPrograms), storytest.Just(storyPrograms), storytest.From(storySeen, storyPrograms),
	}},
	{What: "with executable and arguments", Want: []storytest.Bound{
		storytest.Just(storyPrograms), storytest.From(storySeen, storyPrograms).But("the others flagged"), storytest.From(storySeen, storyPrograms),
	}},
	{What: "4 of odd names, 4,096 arguments: the same", Want: []storytest.Bound{storytest.Just(storyOdd), storytest.Just(storyOdd), storytest.Just(storyOdd)}},
	{What: "shown as another program", Want: []storytest.Bound{{}, {}, {}}},
	{What: "524 ends: seen", Want: []storytest.Bound{
		storytest.Just(storyProcesses), storytest.Just(storyProcesses), storytest.From(storySeen, storyProcesses),
	}},
	{What: "with their status", Want: []storytest.Bound{storytest.Just(storyProcesses), storytest.Just(storyProcesses), {}}},
}

// TestEverySourceShowsTheSameStory, and the table of the README is what it shows.
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
	for i, source := range sources {
		t.Run(source.name, func(t *testing.T) {
			r := run(t, source.options)
			got := compareWith(t, r, perform(t, r, wrap, payload), shell)
			t.Logf("%-8s %3d of %d starts, %3d with their program; %3d of %d exits, %3d with their status",
				source.name, got.starts, storyPrograms, got.known, got.exits, storyProcesses, got.statuses)
			for _, w := range got.wrong {
				t.Error(w)
			}
			storytest.Check(t, storyRows, i, []int{got.starts, got.known, got.odd, len(got.wrong), got.exits, got.statuses})
		})
	}
	storytest.InReadme(t, "Process events", storyRows)
}

// shown is what a source showed of the story.
type shown struct {
	starts, known   int // programs, and those of them with executable and command line
	odd             int // of known, those with odd names
	exits, statuses int
	wrong           []string // what did not happen
}

// program is what a process runs.
type program struct {
	executable string // empty where it does not matter
	line       string
	odd        bool
}

// shownAs reports whether a command line is that of the program. Of a long one an event has
// the beginning.
func (x *program) shownAs(line string) bool {
	want := x.line[:min(len(x.line), event.MaxCommandLine)]
	return strings.TrimSuffix(line, "\x00") == strings.TrimSuffix(want, "\x00")
}

// perform has the story happen, and returns the programs of each process by its pid. The long
// ones have been seen by then, and ended.
func perform(t *testing.T, r *running, wrap, payload string) map[uint32][]program {
	t.Helper()
	r.keep = true
	happened := make(map[uint32][]program)
	line := func(args ...string) string { return strings.Join(args, "\x00") + "\x00" }
	finish := func(cmd *exec.Cmd, programs ...program) {
		t.Helper()
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		happened[uint32(cmd.Process.Pid)] = programs
	}
	for i := range storyShort {
		n := fmt.Sprint("short ", i)
		finish(exec.Command(payload, n), program{executable: payload, line: line(payload, n)})
	}
	for i := range storyChains {
		n := fmt.Sprint("chain ", i)
		finish(exec.Command(wrap, payload, n), program{line: line("/bin/sh", wrap, payload, n)}, program{executable: payload, line: line(payload, n)})
	}
	var long []*exec.Cmd
	goOn := func(odd bool, path string, args ...string) {
		t.Helper()
		cmd := command(t, path, args...)
		all := line(append([]string{path}, args...)...)
		long = append(long, cmd)
		happened[uint32(cmd.Process.Pid)] = []program{{line: all, odd: odd}}
		if odd {
			happened[uint32(cmd.Process.Pid)][0].executable = path
		}
	}
	for i := range storyLong {
		goOn(false, "/bin/sleep", fmt.Sprint(1000+i))
	}
	sleep, err := filepath.EvalSymlinks("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a\nb", "\xff\xfe", ") R 7 ("} {
		path := filepath.Join(t.TempDir(), name)
		copyProgram(t, sleep, path)
		goOn(true, path, "1000")
	}
	goOn(true, sleep, slices.Repeat([]string{"1"}, 4095)...) // and its name
	// Their starts need not come in this order: a program is on its way before its exec is
	// recorded, and the next one may be recorded by the other processor.
	started := make(map[uint32]bool)
	r.await("the start of each long program", func(p *event.Process) bool {
		if ours := happened[p.PID]; len(ours) == 1 && p.Operation == event.OpStart && slices.ContainsFunc(long, func(c *exec.Cmd) bool { return uint32(c.Process.Pid) == p.PID }) {
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
func compareWith(t *testing.T, r *running, happened map[uint32][]program, shell string) (got shown) {
	t.Helper()
	marker := command(t, "/bin/sleep", "987")
	r.awaitOf(marker.Process.Pid, event.OpStart)
	_ = marker.Process.Kill()
	_ = marker.Wait()
	r.awaitOf(marker.Process.Pid, event.OpExit)
	seen := make(map[uint32]int) // programs
	for _, p := range r.kept {
		programs, ours := happened[p.PID]
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
			i := slices.IndexFunc(programs, func(x program) bool { return x.shownAs(p.CommandLine) })
			want := shell
			if i >= 0 && programs[i].executable != "" {
				want = programs[i].executable
			}
			// A source that misses a program may show the second one first.
			switch {
			case i < n || i > n && r.mode != ModePoll:
				got.wrong = append(got.wrong, fmt.Sprintf("program %d of %d, %.200q: it is none of them, or not in turn", n+1, len(programs), p.CommandLine))
			case p.Executable != want && !strings.HasPrefix(p.CommandLine, "/bin/sleep\x00"):
				got.wrong = append(got.wrong, fmt.Sprintf("program %d of %d, %.200q, is shown as %s", n+1, len(programs), p.CommandLine, p.Executable))
			case programs[i].odd:
				got.odd++
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
