package manager_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/agent/manager/life"
)

// The variables of a test that runs again as nobody: the program that belongs to root, and the
// file that ends it.
const (
	setuidVariable = "MANAGER_TEST_SETUID"
	endVariable    = "MANAGER_TEST_END"
)

const nobody = 65534

// immortal is a collector that its manager cannot kill, as none can be killed that waits for a
// disk: its process is root's, and the manager's is not. It ends when the file is there that
// the environment names.
func immortal() int {
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "no setuid")
		return 9
	}
	if err := syscall.Setresuid(0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 9
	}
	fmt.Fprintln(os.Stderr, "ready")
	for {
		if _, err := os.Stat(os.Getenv(endVariable)); err == nil {
			return 0
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// asNobody runs this test again as nobody, with a copy of this program that belongs to root.
// It reports whether this is that run.
func asNobody(t *testing.T) bool {
	t.Helper()
	if os.Getenv(setuidVariable) != "" {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can make a program that nobody cannot kill")
	}
	dir, err := os.MkdirTemp("", "manager")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := filepath.Join(dir, "program")
	if err := errors.Join(os.Chmod(dir, 0o777), copyProgram(program), os.Chmod(program, 0o755|os.ModeSetuid)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), setuidVariable+"="+program, endVariable+"="+filepath.Join(dir, "end"), "TMPDIR="+dir)
	// The copy that runs the test has the rights of nobody, because setuid changes the
	// effective user only: the test gives that up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) || strings.Contains(string(out), "no setuid") {
		t.Skipf("a program cannot change its user here: %v\n%s", err, out)
	}
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	return false
}

func copyProgram(to string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	in, err := os.Open(self)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// TestACollectorThatCannotBeKilled, with a real process: who stops it gets to know, its state
// and its reason are shown, the other collectors are served, and the manager ends all the same.
// When the process ends at last, a new one runs if one is wanted.
func TestACollectorThatCannotBeKilled(t *testing.T) {
	if !asNobody(t) {
		return
	}
	if err := syscall.Setresuid(nobody, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	end := os.Getenv(endVariable)
	r := run(t, manager.Options{
		Command: []string{os.Getenv(setuidVariable), "collector"},
		Life:    life.Options{StopTimeout: 50 * time.Millisecond, KillTimeout: 50 * time.Millisecond},
	}, "immortal")
	first := r.awaitAny(control.CollectorRunning, control.CollectorRestarting)
	if first.State != control.CollectorRunning {
		t.Fatal(first.LastExit)
	}
	if err := unix.Kill(first.PID, unix.SIGKILL); !errors.Is(err, unix.EPERM) {
		t.Fatalf("it can be killed: %v", err)
	}
	_, err := r.m.Stop(t.Context(), "immortal", 0)
	var state *manager.StateError
	if !errors.As(err, &state) || state.State != control.CollectorStuck {
		t.Errorf("stopping it: %v", err)
	}
	const reason = "it was killed, and its process is there still"
	if s := r.m.Status()[0]; s.State != control.CollectorStuck || s.PID != first.PID || s.LastExit != reason {
		t.Errorf("it is %+v", s)
	}
	r.apply(append(specs("immortal"), specs("immortal-2")...)...)
	r.awaitAll(map[string]control.CollectorState{"immortal": control.CollectorStuck, "immortal-2": control.CollectorRunning})
	second := r.m.Status()[1].PID

	// It is wanted again, and runs when the first process has ended.
	started := make(chan error, 1)
	go func() { _, err := r.m.Start(t.Context(), "immortal"); started <- err }() // awaited below
	if err := os.WriteFile(end, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both have ended", func() bool {
		return unix.Kill(first.PID, 0) == unix.ESRCH && unix.Kill(second, 0) == unix.ESRCH
	})
	if err := os.Remove(end); err != nil {
		t.Fatal(err)
	}
	if err := <-started; err != nil {
		t.Errorf("starting it again: %v", err)
	}
	r.awaitAll(map[string]control.CollectorState{"immortal": control.CollectorRunning, "immortal-2": control.CollectorRunning})
	left := []int{r.m.Status()[0].PID, r.m.Status()[1].PID}
	r.stop() // fails the test where Run does not return
	for i, s := range r.m.Status() {
		if s.State != control.CollectorStuck || s.LastExit != reason || unix.Kill(left[i], 0) != unix.EPERM {
			t.Errorf("in the end it is %+v", s)
		}
	}
	if err := os.WriteFile(end, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "they have ended", func() bool {
		return unix.Kill(left[0], 0) == unix.ESRCH && unix.Kill(left[1], 0) == unix.ESRCH
	})
}

// eventually calls ok until it is true; only a test that fails takes long.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}
