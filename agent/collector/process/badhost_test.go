package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/event"
)

// What a host may look like that keeps its processes from us, or changes them while they
// are read.

// TestAHostThatHidesOthersSaysSo: with hidepid only our own processes are in /proc.
func TestAHostThatHidesOthersSaysSo(t *testing.T) {
	h := newHost(t)
	h.set(task{pid: 4000, ppid: 1, ticks: 9, name: "own", args: "own", exe: "/bin/own"})
	c, err := New(Options{Mode: ModePoll, Host: host.Host{Root: h.root}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.Describe(), "hidden") {
		t.Errorf("it says %q", c.Describe())
	}
	h.snapshot()
	if want := []string{"batch snapshot 4000 parent 1: own /bin/own [own] parent_unread"}; !slices.Equal(h.events, want) {
		t.Errorf("events are %q, want %q", h.events, want)
	}
}

// TestProcfsOfProcessesOnly (mount option subset=pid) has no boot id and no other file.
func TestProcfsOfProcessesOnly(t *testing.T) {
	h := newHost(t)
	if err := os.RemoveAll(filepath.Join(h.root, "sys")); err != nil {
		t.Fatal(err)
	}
	if id := host.BootID(h.root); id != [16]byte{} {
		t.Errorf("boot id %x", id)
	}
	h.set(systemd)
	h.snapshot()
	if diff := cmp.Diff([]string{sawSystemd}, h.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAProcfsThatCannotBeRead is an error of the collector, and not the end of all
// processes.
func TestAProcfsThatCannotBeRead(t *testing.T) {
	h := newHost(t)
	h.set(systemd)
	h.set(shell)
	h.snapshot()
	if err := os.Rename(h.root, h.root+".away"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Rename(h.root+".away", h.root) }()
	if err := h.compare(event.OpStart, 0); err == nil {
		t.Error("there is no error")
	}
	if diff := cmp.Diff([]string{sawSystemd, sawShell}, h.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAProcessThatVanishesWhileItIsRead leaves what was read ahead of that, with flags that
// show what was not, and one of which nothing is left is left out.
func TestAProcessThatVanishesWhileItIsRead(t *testing.T) {
	h := newHost(t)
	h.set(systemd)
	h.set(task{pid: 300, ppid: 1, ticks: 700, name: "half", args: "half -x"}) // its program cannot be read any more
	h.set(task{pid: 301, ppid: 1, ticks: 701, name: "gone", state: "Z"})
	h.set(task{pid: 302, ppid: 1, ticks: 702, name: "none"})
	if err := os.Remove(filepath.Join(h.root, "302", "stat")); err != nil {
		t.Fatal(err)
	}
	h.snapshot()
	want := []string{sawSystemd, "batch snapshot 300 parent 1 (systemd): half  [half -x] executable_unread"}
	if diff := cmp.Diff(want, h.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAPidThatIsUsedAgain is another process: the one before has its end first, and neither
// takes over what belongs to the other.
func TestAPidThatIsUsedAgain(t *testing.T) {
	h := newHost(t)
	h.set(systemd)
	h.set(task{pid: 400, ppid: 1, ticks: 700, stack: 1, name: "old", args: "old", exe: "/bin/old"})
	h.snapshot()
	h.set(task{pid: 400, ppid: 1, ticks: 90_000, stack: 1, name: "new", args: "new", exe: "/bin/new"})
	h.poll()
	want := []string{
		sawSystemd, "batch snapshot 400 parent 1 (systemd): old /bin/old [old]",
		"lifecycle exit 400 parent 1 (systemd): old /bin/old [old] exit_status_unknown time_approximate",
		"lifecycle start 400 parent 1 (systemd): new /bin/new [new] time_approximate",
	}
	if diff := cmp.Diff(want, h.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNamesOfEveryByte come as they are, from /proc to the event.
func TestNamesOfEveryByte(t *testing.T) {
	h := newHost(t)
	h.set(systemd)
	for i, name := range []string{"a\nb", "\xff\xfe", ") R 7 (", "\x1b[31mred", "日本"} {
		pid := uint32(500 + i)
		h.set(task{pid: pid, ppid: 1, ticks: 700, stack: 1, name: name, args: name, exe: "/x/" + strings.ReplaceAll(name, "\x00", "")})
		h.poll()
		args := strings.ReplaceAll(name, " ", "\x00")
		want := fmt.Sprintf("lifecycle start %d parent 1", pid)
		if len(h.events) == 0 || !strings.Contains(h.events[len(h.events)-1], want) || !strings.Contains(h.events[len(h.events)-1], ": "+name+" /x/"+name+" ["+strings.ReplaceAll(args, "\x00", " ")+"]") {
			t.Errorf("%q: events are %q", name, h.events)
		}
	}
}
