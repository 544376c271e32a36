package actor_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

func newFinder(t *testing.T) *actor.Finder {
	t.Helper()
	r, err := proc.NewReader("/proc")
	if err != nil {
		t.Fatal(err)
	}
	return actor.NewFinder(r)
}

// child starts a shell that waits for lines, each of them a command.
func child(t *testing.T, script string) (*exec.Cmd, io.WriteCloser) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd, in
}

func TestFindOurselvesAndOurParent(t *testing.T) {
	p := newFinder(t).Find(uint32(os.Getpid()))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if p.Image.Executable != exe || p.PPID != uint32(os.Getppid()) || p.Above[0] == nil || p.Above[0].PID != uint32(os.Getppid()) {
		t.Errorf("found %+v, want %s below %d", p, exe, os.Getppid())
	}
	if p.Flags&(event.ExecutableUnread|event.ParentUnread) != 0 {
		t.Errorf("flags %b", p.Flags)
	}
}

// TestAncestorsAreAllNamedInWhateverOrder: one that was found above another process is
// found with all of its own.
func TestAncestorsAreAllNamedInWhateverOrder(t *testing.T) {
	script := "read line"
	for range 4 {
		script = "sh -c '" + strings.ReplaceAll(script, "'", `'"'"'`) + "'; :"
	}
	cmd, _ := child(t, script)
	// The innermost shell is the one without children.
	chain := []uint32{uint32(cmd.Process.Pid)}
	for deadline := time.Now().Add(20 * time.Second); len(chain) < 5; {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", chain[len(chain)-1]))
		if next := strings.Fields(string(b)); len(next) > 0 {
			pid, err := strconv.Atoi(next[0])
			if err != nil {
				t.Fatal(err)
			}
			chain = append(chain, uint32(pid))
		} else if time.Now().After(deadline) {
			t.Skip("no list of children here, or no children: ", chain)
		}
	}
	f := newFinder(t)
	f.Find(chain[4])
	for _, pid := range chain {
		got := *f.Find(pid)
		want := *newFinder(t).Find(pid)
		if diff := cmp.Diff(want.Above, got.Above); diff != "" || got.Flags != want.Flags {
			t.Errorf("%d, flags %b and %b (-alone +after its child):\n%s", pid, want.Flags, got.Flags, diff)
		}
	}
}

// TestAProgramThatEndedIsKnownIfItWasSeen: it is remembered for the moment in which
// nobody else can have its pid.
func TestAProgramThatEndedIsKnownIfItWasSeen(t *testing.T) {
	f := newFinder(t)
	cmd, in := child(t, "read line")
	pid := uint32(cmd.Process.Pid)
	before := *f.Find(pid)
	if before.Image.Name != "sh" {
		t.Fatalf("found %+v", before)
	}
	in.Close()
	_ = cmd.Wait()
	if after := f.Find(pid); after.Image != before.Image || after.StartTicks != before.StartTicks {
		t.Errorf("after its end %+v, before %+v", after, before)
	}
}

func TestAProgramThatWasNeverSeenIsUnread(t *testing.T) {
	cmd, in := child(t, "read line")
	in.Close()
	_ = cmd.Wait()
	f := newFinder(t)
	p := f.Find(uint32(cmd.Process.Pid))
	if want := event.NameUnread | event.ExecutableUnread | event.CommandLineUnread | event.UserUnread | event.ParentUnread; !p.Flags.Has(want) {
		t.Errorf("flags %b, want %b", p.Flags, want)
	}
	if p := f.Find(0); p != nil {
		t.Errorf("pid 0 is %+v", p)
	}
}

// TestAnExecIsSeen: what was remembered is not what runs now.
func TestAnExecIsSeen(t *testing.T) {
	f := newFinder(t)
	cmd, in := child(t, "read line; exec sleep 1000")
	pid := uint32(cmd.Process.Pid)
	if p := f.Find(pid); p.Image.Name != "sh" {
		t.Fatalf("found %+v", p)
	}
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); f.Find(pid).Image.CommandLine != "sleep\x001000\x00"; {
		if time.Now().After(deadline) {
			t.Fatalf("found %+v", f.Find(pid))
		}
	}
}
