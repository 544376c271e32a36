package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	cilium "github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

func TestWhereProgramsCannotRunTheNextSourceIsUsed(t *testing.T) {
	skipUnlessPermitted(t, Options{Mode: ModeEBPF})
	skipUnlessPermitted(t, Options{Mode: ModeNetlink})
	refused, err := os.ReadFile("../ebpf/testdata/refused.o")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		programs programOptions
		want     string // in what the collector says of itself
	}{
		{"no BTF", programOptions{btf: "/nowhere/vmlinux"}, "not ebpf: the kernel does not describe its types (BTF): /nowhere/vmlinux"},
		{"the verifier refuses", programOptions{object: refused}, "not ebpf: the kernel's verifier refuses a program: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := New(Options{programs: tt.programs})
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Describe(); !strings.Contains(got, "netlink") || !strings.Contains(got, tt.want) {
				t.Errorf("it is described as %q, want netlink and %q", got, tt.want)
			}
			r := run(t, Options{programs: tt.programs})
			cmd := command(t, "/bin/sleep", "1000")
			checkSleep(t, r.awaitOf(cmd.Process.Pid, event.OpStart))
			if _, err := New(Options{Mode: ModeEBPF, programs: tt.programs}); !errors.Is(err, ErrUnavailable) {
				t.Errorf("with mode ebpf: error %v, want one about what is not available", err)
			}
		})
	}
}

// TestAFullRingIsAGapAndMadeUpFor has the collector stuck while more happens than the ring
// holds. One of the programs goes on: it is found behind the gap.
func TestAFullRingIsAGapAndMadeUpFor(t *testing.T) {
	r := run(t, Options{Mode: ModeEBPF, programs: programOptions{ring: 1 << 14}})
	r.stick()
	for i := range 200 {
		if err := exec.Command("/bin/true", fmt.Sprint(i)).Run(); err != nil {
			t.Fatal(err)
		}
	}
	cmd := command(t, "/bin/sleep", "1000")
	r.loosen()
	var gap event.Gap
	select {
	case gap = <-r.gaps:
	case <-time.After(patience):
		t.Fatal("there is no gap")
	}
	if gap.Body.Lost == 0 || gap.Body.Total < gap.Body.Lost || gap.Body.Reason != "records of the kernel's programs: the ring was full" {
		t.Errorf("the gap is %+v", gap.Body)
	}
	start := r.awaitOf(cmd.Process.Pid, event.OpStart)
	if !start.Flags.Has(event.Inferred) || start.Sequence <= gap.Sequence {
		t.Errorf("flags %b of the start, want inferred behind the gap", start.Flags)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if exit := r.awaitOf(cmd.Process.Pid, event.OpExit); exit.Flags.Has(event.ExitStatusUnknown) {
		t.Error("the exit has no status")
	}
}

// watch has this test binary watch programs instead, as main_test.go does it: it writes
// how its collector describes itself, the kernel's numbers of its programs, and then a
// line for each start, until its standard input ends.
const watch = "PROCESS_TEST_WATCH"

func watchPrograms(mode string) int {
	o := Options{Mode: Mode(mode)}
	if err := o.complete(); err != nil {
		fmt.Println(err)
		return 2
	}
	s, err := choose(o.Mode, &o)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(s.describe)
	if p, ok := s.feed.(*programs); ok {
		times, err := p.loaded.Times()
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Print("programs")
		for _, t := range times {
			fmt.Print(" ", t.ID)
		}
		fmt.Println()
	}
	reader, err := proc.NewReader(o.Host.Root)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	emit := func(m collector.Message) {
		v, err := event.Parse(m.Payload)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		switch p, _ := event.Copy[event.Detail](v); {
		case p.Operation == event.OpSnapshot && p.PID == uint32(os.Getpid()):
			fmt.Println("ready")
		case p.Operation == event.OpStart:
			fmt.Printf("start %d %q\n", p.PID, p.CommandLine)
		}
	}
	fmt.Println(s.feed.follow(context.Background(), newTestTracker(reader, emit, &o)))
	return 1
}

// watcher is another process that watches programs.
type watcher struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
}

// watchAs starts a watcher with those attributes. It ends with the test.
func watchAs(t *testing.T, mode Mode, attributes *syscall.SysProcAttr) *watcher {
	t.Helper()
	// By its descriptor another user can run it, whoever may look into the folder.
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	w := &watcher{t: t, cmd: exec.Command("/proc/self/fd/3"), lines: make(chan string, 1<<14)}
	w.cmd.Env = append(os.Environ(), watch+"="+string(mode))
	w.cmd.ExtraFiles = []*os.File{self}
	w.cmd.SysProcAttr = attributes
	w.cmd.Stderr = os.Stderr
	w.cmd.Dir = "/"
	in, err := w.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		t.Skip(err)
	}
	ended := make(chan struct{})
	go func() { // ends with the process
		defer close(ended)
		defer close(w.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			w.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		in.Close()
		_ = w.cmd.Process.Kill()
		<-ended
		_ = w.cmd.Wait()
	})
	return w
}

// await returns the first line that begins with prefix.
func (w *watcher) await(prefix string) string {
	w.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-w.lines:
			if !ok {
				w.t.Fatalf("it ended without a line %q", prefix)
			}
			if strings.HasPrefix(line, prefix) {
				return line
			}
		case <-timeout:
			w.t.Fatalf("no line %q came", prefix)
		}
	}
}

func TestCapabilities(t *testing.T) {
	skipUnlessRoot(t)
	skipUnlessPermitted(t, Options{Mode: ModeEBPF})
	nobody := func(caps ...uintptr) *syscall.SysProcAttr {
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, AmbientCaps: caps}
	}
	tests := []struct {
		name string
		caps []uintptr
		want string // what the collector says of itself
	}{
		{"none", nil, "not ebpf: no CAP_BPF and CAP_PERFMON"},
		{"BPF alone", []uintptr{unix.CAP_BPF}, "not ebpf: no CAP_PERFMON"},
		{"PERFMON alone", []uintptr{unix.CAP_PERFMON}, "not ebpf: no CAP_BPF"},
		{"BPF and PERFMON", []uintptr{unix.CAP_BPF, unix.CAP_PERFMON}, "kernel process events (eBPF programs)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := watchAs(t, ModeAuto, nobody(tt.caps...))
			if got := w.await("kernel process events"); !strings.Contains(got, tt.want) {
				t.Errorf("it is described as %q, want %q", got, tt.want)
			}
			if len(tt.caps) < 2 {
				return
			}
			w.await("ready")
			// A program of root, whose executable and arguments only root may read.
			cmd := command(t, "/bin/true", "of root")
			_ = cmd.Wait()
			w.await(fmt.Sprintf("start %d %q", cmd.Process.Pid, "/bin/true\x00of root\x00"))
		})
	}
}

// TestTwoCollectorsAtOnce see all programs both, and one of them is killed: nothing is
// left of its programs in the kernel, and the other one goes on.
func TestTwoCollectorsAtOnceOfWhichOneIsKilled(t *testing.T) {
	r := run(t, Options{Mode: ModeEBPF})
	w := watchAs(t, ModeEBPF, nil)
	ids := programIDs(t, w.await("programs "))
	w.await("ready")
	for i := range 100 {
		cmd := command(t, "/bin/true", fmt.Sprint("for both ", i))
		_ = cmd.Wait()
		r.awaitOf(cmd.Process.Pid, event.OpStart)
		w.await(fmt.Sprintf("start %d ", cmd.Process.Pid))
	}
	for _, id := range ids {
		p, err := cilium.NewProgramFromID(id)
		if err != nil {
			t.Fatalf("program %d: %v", id, err)
		}
		p.Close()
	}
	load := command(t, "/bin/sh", "-c", "while :; do /bin/true; done")
	r.awaitOf(load.Process.Pid, event.OpStart)
	if err := w.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for _, id := range ids { // the kernel frees them a moment later
		for {
			p, err := cilium.NewProgramFromID(id)
			if errors.Is(err, os.ErrNotExist) {
				break
			}
			if err == nil {
				p.Close()
			}
			if time.Now().After(deadline) {
				t.Fatalf("program %d is still there: %v", id, err)
			}
			time.Sleep(time.Millisecond)
		}
	}
	last := command(t, "/bin/sleep", "1000")
	r.awaitOf(last.Process.Pid, event.OpStart)
}

func programIDs(t *testing.T, line string) (ids []cilium.ProgramID) {
	t.Helper()
	for _, f := range strings.Fields(strings.TrimPrefix(line, "programs ")) {
		var id cilium.ProgramID
		if _, err := fmt.Sscan(f, &id); err != nil || id == 0 {
			t.Fatalf("%q: %v", line, err)
		}
		ids = append(ids, id)
	}
	if len(ids) != 3 {
		t.Fatalf("%q, want three programs", line)
	}
	return ids
}

// TestATimeNamespace: clocks there show other times than the kernel's records.
func TestATimeNamespace(t *testing.T) {
	const inside = "PROCESS_TEST_TIME_NAMESPACE"
	if os.Getenv(inside) == "" {
		skipUnlessRoot(t)
		skipUnlessPermitted(t, Options{Mode: ModeEBPF})
		again(t, inside, "unshare", "--time", "--fork", "--monotonic", "12345", "--boottime", "67890")
		return
	}
	ahead, err := clock.ReadAhead("/proc")
	if err != nil || ahead.MonoNs != 12345e9 || ahead.BootNs != 67890e9 {
		t.Fatalf("clocks are ahead by %+v, %v", ahead, err)
	}
	for _, mode := range []Mode{ModeEBPF, ModeNetlink} {
		t.Run(string(mode), func(t *testing.T) {
			r := run(t, Options{Mode: mode})
			before := clock.Mono()
			cmd := command(t, "/bin/sleep", "1000")
			start := r.awaitOf(cmd.Process.Pid, event.OpStart)
			if after := clock.Mono(); start.MonoNs < before || start.MonoNs > after {
				t.Errorf("it started at %d, want %d to %d", start.MonoNs, before, after)
			}
			reader, err := proc.NewReader("/proc")
			if err != nil {
				t.Fatal(err)
			}
			if s, ok, err := reader.Stat(uint32(cmd.Process.Pid)); err != nil || !ok || s.StartTicks != start.StartTicks {
				t.Errorf("start ticks are %d, /proc has %d", start.StartTicks, s.StartTicks)
			}
			checkSleep(t, start)
		})
	}
}

// TestOutsideOfTheFirstPidNamespace the kernel's pids name other processes than /proc does.
func TestOutsideOfTheFirstPidNamespace(t *testing.T) {
	const inside = "PROCESS_TEST_PID_NAMESPACE"
	if os.Getenv(inside) == "" {
		skipUnlessRoot(t)
		skipUnlessPermitted(t, Options{Mode: ModeEBPF})
		again(t, inside, "unshare", "--pid", "--fork", "--mount-proc")
		return
	}
	c, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Describe(), "ebpf: outside of the first pid namespace"; !strings.Contains(got, want) {
		t.Errorf("it is described as %q, want %q", got, want)
	}
}

// again runs the test in another process, below a command that changes its surroundings.
// It skips where the command cannot.
func again(t *testing.T, variable string, command ...string) {
	t.Helper()
	args := append(command, os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "1m")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), variable+"=1")
	out, err := cmd.CombinedOutput()
	if !strings.Contains(string(out), "=== RUN") {
		t.Skipf("%v: %s", err, out)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestProgramsAreLoadedOnce: the first Run has those of New, and what may never run keeps
// none.
func TestProgramsAreLoadedOnce(t *testing.T) {
	skipUnlessPermitted(t, Options{Mode: ModeEBPF})
	c, err := New(Options{Mode: ModeEBPF})
	if err != nil {
		t.Fatal(err)
	}
	kept := c.opened.feed
	if kept == nil {
		t.Fatal("New has let go of its programs")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 { // the second one loads its own
		if err := c.Run(ctx, func(collector.Message) {}); err != nil {
			t.Fatal(err)
		}
		if c.opened.feed != nil {
			t.Fatal("Run has left the programs to others")
		}
	}
	if _, err := kept.(*programs).loaded.Times(); err == nil {
		t.Error("the programs of New were not closed when Run ended")
	}
	for name, settings := range map[string]string{"the same mode": `{"source":"ebpf"}`, "another mode": `{"source":"auto"}`} {
		n, err := c.Remake([]byte(settings))
		if err != nil {
			t.Fatal(err)
		}
		if n.(*Collector).opened.feed != nil {
			t.Errorf("%s: a collector that may never run keeps programs in the kernel", name)
		}
	}
}
