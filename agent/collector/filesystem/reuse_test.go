package filesystem

import (
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/storytest"
	"github.com/daemoneye/eventbus/agent/event"
)

// TestAPidThatAnotherProcessHasNow is not taken for it: the descriptor in a record is of the
// one that made the change.
func TestAPidThatAnotherProcessHasNow(t *testing.T) {
	root, tr := watchedDir(t)
	f := newFixture(t, still{}, tr, root)
	first := exec.Command("/bin/sleep", "1001")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	pid := first.Process.Pid
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		_ = first.Process.Kill()
		_ = first.Wait()
		t.Skip(err)
	}
	defer unix.Close(pidfd)
	who := func() actor.Process {
		p, _ := f.emitter.who(&change{pid: uint32(pid), pidfd: pidfd}, f.clock.Now())
		return *p
	}
	if p := who(); p.Image.CommandLine != "/bin/sleep\x001001\x00" && !p.Flags.Has(event.CommandLineUnread) { // it may be in its exec
		t.Errorf("the first one is %q", p.Image.CommandLine)
	}
	_ = first.Process.Kill()
	_ = first.Wait()
	began := clock.Mono()
	for clock.Mono()-began < 2*clock.TickNs { // they are told apart by the tick in which they began
	}
	storytest.WithPID(t, pid, "/bin/sleep", "1002")
	if p := who(); p.PID != uint32(pid) || p.StartTicks != 0 || p.Image.CommandLine != "" || !p.Flags.Has(event.CommandLineUnread|event.ExecutableUnread) {
		t.Errorf("of the first one is said %+v", p)
	}
}

// TestAClockThatWasSetIsReadAgain with whatever comes next: a clock that was never read is as
// wrong as one that somebody has set since.
func TestAClockThatWasSetIsReadAgain(t *testing.T) {
	for name, next := range map[string]func(f *fixture){
		"a look at all": func(f *fixture) { f.resync("loss") },
		"what waited": func(f *fixture) {
			f.index.set(f.root+"/x", stamp{modifiedAt: clock.Mono() - quiet})
			f.waiting[f.root+"/x"] = change{path: f.root + "/x", pidfd: -1}
			f.settle()
		},
	} {
		root, tr := watchedDir(t)
		f := newFixture(t, still{}, tr, root)
		f.clock = clock.Clock{}
		f.write("x", "1")
		before := time.Now().UnixNano()
		next(f)
		if after := time.Now().UnixNano(); len(f.events) == 0 || f.at < before || f.at > after {
			t.Errorf("%s: the events are %q, the last one of %d, want %d to %d", name, f.events, f.at, before, after)
		}
	}
}
