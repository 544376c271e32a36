package manager_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/agent/manager/life"
)

// quick has a crashing collector end up where it must without delay.
func quick(restarts int) manager.Options {
	return manager.Options{Life: life.Options{MaxRestarts: restarts, FirstBackoff: time.Millisecond, MaxBackoff: time.Millisecond}}
}

func TestACollectorRunsFromItsRegistrationUntilItIsStopped(t *testing.T) {
	r := run(t, manager.Options{}, "good")
	starting := r.await(control.CollectorStarting)
	running := r.await(control.CollectorRunning)
	want := control.CollectorStatus{Name: "good", State: control.CollectorRunning, PID: starting.PID, Source: "nothing"}
	if diff := cmp.Diff(want, running); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if name, ok := r.m.Collector(running.PID); name != "good" || !ok {
		t.Errorf("Collector(%d) = %q, %v", running.PID, name, ok)
	}
	r.stop()
	stopped := r.await(control.CollectorStopped)
	if diff := cmp.Diff(control.CollectorStatus{Name: "good", State: control.CollectorStopped, Source: "nothing"}, stopped); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	r.checkGone(running.PID)
	if said := r.log.severe(); said != nil {
		t.Errorf("an orderly life was logged as %q", said)
	}
}

func TestACollectorThatCrashesAgainAndAgainIsGivenUp(t *testing.T) {
	r := run(t, quick(2), "crashing")
	status := r.await(control.CollectorGaveUp)
	want := control.CollectorStatus{Name: "crashing", State: control.CollectorGaveUp, Restarts: 2, LastExit: "exit status 3: cannot go on"}
	if diff := cmp.Diff(want, status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	r.stop()
	logged := []string{"WARN collector ended", "WARN collector ended", "ERROR collector given up"}
	if diff := cmp.Diff(logged, r.log.severe()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if s := r.m.Status()[0]; s.State != control.CollectorStopped || s.LastExit != want.LastExit {
		t.Errorf("in the end it is %+v", s)
	}
}

// TestARefusalSpendsNoRestart holds that a collector that the agent refuses for the
// moment is started again for more often than one that crashes.
func TestARefusalSpendsNoRestart(t *testing.T) {
	r := run(t, quick(1), "refused")
	for range 5 {
		s := r.awaitAny(control.CollectorRestarting, control.CollectorGaveUp)
		if s.State != control.CollectorRestarting || s.Restarts != 0 || s.LastExit != "exit status 75" {
			t.Fatalf("%s after %d restarts: %s", s.State, s.Restarts, s.LastExit)
		}
	}
}

func TestChangesAreToldInOrder(t *testing.T) {
	r := run(t, quick(1), "good")
	for range 2 {
		kill(t, r.await(control.CollectorRunning).PID, unix.SIGKILL)
	}
	last := r.await(control.CollectorGaveUp)
	if last.LastExit != "signal: killed" {
		t.Errorf("exit is %q", last.LastExit)
	}
	want := []control.CollectorState{
		control.CollectorStarting, control.CollectorRunning, control.CollectorRestarting,
		control.CollectorStarting, control.CollectorRunning, control.CollectorGaveUp,
	}
	if diff := cmp.Diff(want, r.seen); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func TestAStableCollectorIsForgiven(t *testing.T) {
	o := quick(1)
	o.Life.StableAfter = time.Nanosecond
	r := run(t, o, "good")
	const rounds = 4
	for range rounds {
		kill(t, r.await(control.CollectorRunning).PID, unix.SIGUSR1)
	}
	status := r.await(control.CollectorRunning)
	if status.Restarts != rounds || status.LastExit != "exit status 4: ready" {
		t.Errorf("%d restarts, last exit %q", status.Restarts, status.LastExit)
	}
}

func TestACollectorThatDoesNotRegisterHasFailed(t *testing.T) {
	o := quick(-1)
	o.Life.RegisterTimeout = 20 * time.Millisecond
	r := run(t, o, "mute")
	pid := r.await(control.CollectorStarting).PID
	if got, want := r.await(control.CollectorGaveUp).LastExit, "did not register within 20ms"; got != want {
		t.Errorf("exit is %q, want %q", got, want)
	}
	r.checkGone(pid)
}

func TestACollectorThatIsStubbornIsKilled(t *testing.T) {
	r := run(t, manager.Options{Life: life.Options{StopTimeout: 20 * time.Millisecond}}, "stubborn")
	pid := r.await(control.CollectorRunning).PID
	r.stop()
	r.checkGone(pid)
	if diff := cmp.Diff([]string{"WARN collector killed"}, r.log.severe()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestACrashIsExplainedByItsFirstLine(t *testing.T) {
	r := run(t, quick(-1), "panicking")
	if got, want := r.await(control.CollectorGaveUp).LastExit, "exit status 2: panic: surprise"; !strings.HasPrefix(got, want) {
		t.Errorf("exit is %q, want %q", got, want)
	}
}

// TestAnEndIsNoticedThoughSomebodyHoldsTheOutput has the collector leave a
// process behind that keeps its standard error open.
func TestAnEndIsNoticedThoughSomebodyHoldsTheOutput(t *testing.T) {
	o := quick(-1)
	o.Life.StopTimeout = 20 * time.Millisecond
	r := run(t, o, "parent")
	exit := r.await(control.CollectorGaveUp).LastExit
	pid, err := strconv.Atoi(strings.TrimPrefix(exit, "exit status 1: "))
	if err != nil {
		t.Fatalf("exit is %q", exit)
	}
	kill(t, pid, unix.SIGKILL)
}

func TestAProgramThatIsNotThereIsGivenUp(t *testing.T) {
	o := quick(1)
	o.Command = []string{"/nowhere/daemoneye-agent", "collector"}
	r := run(t, o, "good")
	if got := r.await(control.CollectorGaveUp); !strings.HasPrefix(got.LastExit, "start: ") || got.PID != 0 {
		t.Errorf("status is %+v", got)
	}
}

// TestAStableOneThatCannotBeStartedAgainIsGivenUp takes the program away from a
// collector that was stable: its merit does not count for
// the starts that fail.
func TestAStableOneThatCannotBeStartedAgainIsGivenUp(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "program")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	o := quick(2)
	o.Life.StableAfter = time.Nanosecond
	o.Command = []string{program, "collector"}
	r := run(t, o, "good")
	pid := r.await(control.CollectorRunning).PID
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	kill(t, pid, unix.SIGUSR1)
	status := r.await(control.CollectorGaveUp)
	// The first restart is forgiven, because the collector was stable, and counts as one.
	if !strings.HasPrefix(status.LastExit, "start: ") || status.Restarts != 2 {
		t.Errorf("status is %+v", status)
	}
}

// TestCollectorsAreTheProgramThatTheirManagerIs gives the command a path at
// which there is nothing any more, as after an upgrade.
func TestCollectorsAreTheProgramThatTheirManagerIs(t *testing.T) {
	r := run(t, manager.Options{Command: []string{"/nowhere/agent", "collector"}, Executable: "/proc/self/exe"}, "good")
	pid := r.await(control.CollectorRunning).PID
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if want := "/nowhere/agent\x00collector\x00good\x00"; err != nil || string(line) != want {
		t.Errorf("command line is %q, %v; want %q", line, err, want)
	}
}

// TestACollectorThatHasLostItsConnectionIsStartedAgain, also when it cannot see that it is
// to end.
func TestACollectorThatHasLostItsConnectionIsStartedAgain(t *testing.T) {
	for _, stop := range []bool{false, true} {
		t.Run(fmt.Sprintf("stopped=%v", stop), func(t *testing.T) {
			o := quick(1)
			o.Life.CallTimeout = 20 * time.Millisecond
			r := run(t, o, "good")
			first := r.await(control.CollectorRunning)
			if stop {
				kill(t, first.PID, unix.SIGSTOP)
			}
			lose := func(pid int, want error) {
				t.Helper()
				if err := r.m.Deregister(uint32(pid), "it does not answer"); !errors.Is(err, want) {
					t.Errorf("Deregister = %v, want %v", err, want)
				}
			}
			lose(first.PID+1, manager.ErrUnknown)
			lose(first.PID, nil)
			if lost := r.await(control.CollectorStopping); lost.PID != first.PID || lost.LastExit != "it does not answer" {
				t.Errorf("lost is %+v", lost)
			}
			second := r.await(control.CollectorRunning)
			r.checkGone(first.PID)
			if second.PID == first.PID || second.Restarts != 1 || second.LastExit != "it does not answer" {
				t.Errorf("running is %+v", second)
			}
			lose(second.PID, nil)
			if last := r.await(control.CollectorGaveUp); last.LastExit != "it does not answer" {
				t.Errorf("given up is %+v", last)
			}
		})
	}
}

func TestStoppingDoesNotWaitForARestart(t *testing.T) {
	r := run(t, manager.Options{Life: life.Options{FirstBackoff: time.Hour, MaxBackoff: time.Hour}}, "crashing")
	r.await(control.CollectorRestarting)
	r.stop()
	r.await(control.CollectorStopped)
}

func TestOneThatIsGivenUpDoesNotEndTheOthers(t *testing.T) {
	r := run(t, quick(-1), "good", "crashing")
	for range 2 { // they come in any order
		r.awaitAny(control.CollectorGaveUp, control.CollectorRunning)
	}
	var got []string
	for _, s := range r.m.Status() {
		got = append(got, s.Name+" "+string(s.State))
	}
	if diff := cmp.Diff([]string{"crashing gave up", "good running"}, got); diff != "" {
		t.Errorf("collectors (-want +got):\n%s", diff)
	}
}

func TestRegisteringNeedsTheCollectorsOwnProcess(t *testing.T) {
	r := run(t, manager.Options{}, "good")
	pid := r.await(control.CollectorRunning).PID
	tests := []struct {
		name string
		pid  int
		as   string
		want string
	}{
		{"the collector again", pid, "good", ""},
		{"another process", os.Getpid(), "good", "manager: collector good runs as pid"},
		{"no process", 0, "good", "manager: collector good runs as pid"},
		{"an unknown collector", pid, "other", `manager: there is no such collector: "other"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := r.m.Register(manager.Session{Source: 7, PID: tt.pid}, control.Registration{Collector: tt.as}, nil)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	if _, ok := r.m.Collector(os.Getpid()); ok {
		t.Error("this process counts as a collector")
	}
	r.stop()
	if err := r.m.Register(manager.Session{}, control.Registration{Collector: "good"}, nil); err == nil {
		t.Error("a collector that has ended was registered")
	}
	if _, ok := r.m.Collector(0); ok {
		t.Error("a collector that has ended has pid 0")
	}
}

func TestSetsThatCannotWorkChangeNothing(t *testing.T) {
	if _, err := manager.New(manager.Options{}).Apply(specs("one")); err == nil {
		t.Error("collectors without a command were accepted")
	}
	r := run(t, manager.Options{}, "good")
	r.await(control.CollectorRunning)
	if _, err := r.m.Apply(specs("mute", "mute")); err == nil {
		t.Error("the same collector was accepted twice")
	}
	if got := r.m.Status(); len(got) != 1 || got[0].Name != "good" || got[0].State != control.CollectorRunning {
		t.Errorf("collectors are %+v", got)
	}
}

func kill(t *testing.T, pid int, s unix.Signal) {
	t.Helper()
	if err := unix.Kill(pid, s); err != nil {
		t.Errorf("kill %d: %v", pid, err)
	}
}
