package process

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
	"github.com/daemoneye/eventbus/agent/event"
)

func (h *machine) becomes(kind report.Kind, pid, id uint32) {
	h.apply(&report.Report{Kind: kind, Thread: pid, PID: pid, Value: id, TimeNs: clock.Mono()})
}

// TestAChangeOfUserOrGroupIsAnnounced once, with what it was before.
func TestAChangeOfUserOrGroupIsAnnounced(t *testing.T) {
	h := newHost(t)
	h.set(systemd)
	h.set(shell)
	h.snapshot()
	was := uint64(os.Geteuid())
	h.becomes(report.UID, 100, uint32(was)) // as before
	h.becomes(report.UID, 100, 77)
	h.becomes(report.GID, 100, 78)
	h.becomes(report.UID, 999, 0) // nobody knows it
	h.fork(200, 100)
	h.becomes(report.UID, 200, 0) // a fork that was not announced, and runs no program of its own
	want := []string{
		sawSystemd, sawShell,
		"metadata credentials 100 parent 1 (systemd): bash /bin/bash [bash -l] user_name_unread",
		"metadata credentials 100 parent 1 (systemd): bash /bin/bash [bash -l] user_name_unread",
		"metadata credentials 200 parent 100 (bash): bash /bin/bash [bash -l] start_time_estimated",
	}
	if diff := cmp.Diff(want, h.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r := h.table[200]
	if d, changed := r.become(7, 78); !changed || d.PreviousUID != event.Known(0) || d.PreviousGID != 0 {
		t.Errorf("before that it was %+v", d)
	}
}

// TestPollingSeesAnotherUser at the next look.
func TestPollingSeesAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to others")
	}
	h := newHost(t)
	h.set(systemd)
	h.set(shell)
	h.snapshot()
	h.poll()
	if err := os.Chown(h.root+"/100", 1000, 0); err != nil {
		t.Fatal(err)
	}
	h.poll()
	h.poll()
	want := []string{sawSystemd, sawShell, "metadata credentials 100 parent 1 (systemd): bash /bin/bash [bash -l] time_approximate"}
	if diff := cmp.Diff(want, h.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAProgramBecomesAnotherUser: a program of root's that becomes somebody else, with every source.
func TestAProgramBecomesAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become others")
	}
	for _, source := range sources {
		t.Run(source.name, func(t *testing.T) {
			r := run(t, source.options)
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(self, "-test.run=^TestHelperBecomes$")
			cmd.Env = append(os.Environ(), "BECOME=65534")
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			r.awaitOf(cmd.Process.Pid, event.OpStart)
			if _, err := in.Write([]byte("\n")); err != nil {
				t.Fatal(err)
			}
			got := r.awaitOf(cmd.Process.Pid, event.OpCredentials)
			if got.UID != event.Known(65534) || got.Body.PreviousUID != event.Known(0) {
				t.Errorf("user %v, before %v", got.UID, got.Body.PreviousUID)
			}
		})
	}
}

// TestHelperBecomes is the program of the test above, and no test.
func TestHelperBecomes(t *testing.T) {
	id, err := strconv.Atoi(os.Getenv("BECOME"))
	if err != nil {
		t.Skip("it is run by another test")
	}
	b := make([]byte, 1)
	_, _ = os.Stdin.Read(b)
	if err := syscall.Setuid(id); err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdin.Read(b) // until it is killed
}

// TestWhatTheFilterLeavesOut: a process with its end, but not what it becomes.
func TestWhatTheFilterLeavesOut(t *testing.T) {
	h := newHost(t)
	var err error
	if h.emitter.filter, err = filter.New(filter.Who{ExcludeExecutables: []string{"/bin/sl*"}, ExcludeUsers: []string{"77"}}); err != nil {
		t.Fatal(err)
	}
	h.set(systemd)
	h.set(shell)
	h.snapshot()
	h.fork(200, 100)
	h.set(h.sleeping(200))
	h.exec(200) // left out
	h.remove(200)
	h.exit(200, 0)
	h.becomes(report.UID, 100, 77) // left out
	h.becomes(report.UID, 100, 0)
	h.remove(100)
	h.exit(100, 0)
	want := []string{
		sawSystemd, sawShell,
		"metadata credentials 100 parent 1 (systemd): bash /bin/bash [bash -l]",
		"lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] status 0/0",
	}
	if diff := cmp.Diff(want, h.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := h.emitter.filter.Filtered(); n != 3 {
		t.Errorf("%d events were counted, want the start, the exit and the change", n)
	}
}
