package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	collectorebpf "github.com/daemoneye/eventbus/agent/collector/ebpf"
	"github.com/daemoneye/eventbus/agent/collector/filesystem"
	"github.com/daemoneye/eventbus/agent/collector/network"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/control"
)

// kernelAgent is an agent whose collectors use what is in the kernel, and what there is of it.
type kernelAgent struct {
	t        *testing.T
	cmd      *exec.Cmd
	socket   string
	pids     map[string]int   // of the collectors
	pidfds   []int            // of the same
	programs []ebpf.ProgramID // that they have loaded
}

// startKernelAgent starts an agent that watches a directory. It skips the test where a
// collector has not its best source.
func startKernelAgent(t *testing.T, dir string) *kernelAgent {
	t.Helper()
	a := &kernelAgent{t: t, socket: filepath.Join(t.TempDir(), "run", "agent.sock"), pids: map[string]int{}}
	a.cmd = exec.Command("daemoneye-agent", "run", "--config", "none", "--quiet", "--socket", a.socket,
		"--set", "alerts.data_dir="+t.TempDir(), "--set", "collectors.filesystem.paths="+dir)
	var errs bytes.Buffer
	a.cmd.Stderr = &errs
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if a.cmd.ProcessState == nil {
			_ = a.cmd.Process.Signal(unix.SIGTERM) // it may have ended
			_ = a.cmd.Wait()
		}
		if t.Failed() {
			t.Log(errs.String())
		}
	})
	a.until("all collectors run", func() bool {
		s := statusOf(t, a.socket)
		if s == nil {
			return false
		}
		for _, c := range s.Collectors {
			a.pids[c.Name] = c.PID
		}
		return len(s.Collectors) == 4 && !slices.ContainsFunc(s.Collectors, func(c control.CollectorStatus) bool { return c.State != control.CollectorRunning })
	})
	for _, c := range statusOf(t, a.socket).Collectors {
		best := map[string]string{process.Name: "eBPF", network.Name: "eBPF", filesystem.Name: "fanotify on"}[c.Name]
		if !strings.Contains(c.Source, best) {
			t.Skipf("%s: %s", c.Name, c.Source)
		}
	}
	for _, pid := range a.pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		a.pidfds = append(a.pidfds, fd)
	}
	a.programs = append(a.programsOf(process.Name), a.programsOf(network.Name)...)
	return a
}

// programsOf returns the kernel's programs of a collector.
func (a *kernelAgent) programsOf(name string) (ids []ebpf.ProgramID) {
	a.t.Helper()
	times, err := collectorebpf.TimesOf(a.pids[name])
	if err != nil || len(times) < 2 {
		a.t.Fatalf("%s has the programs %+v, %v", name, times, err)
	}
	for _, p := range times {
		ids = append(ids, ebpf.ProgramID(p.ID))
	}
	return ids
}

// until waits for what must come; only a test that fails takes long.
func (a *kernelAgent) until(what string, done func() bool) {
	a.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			a.t.Fatalf("did not happen: %s", what)
		}
	}
}

// sees holds that the agent shows what happens.
func (a *kernelAgent) sees() {
	a.t.Helper()
	for _, topic := range []string{"events.process.lifecycle", "events.network.connections", "events.filesystem.operations"} {
		ctx, cancel := context.WithTimeout(a.t.Context(), patience)
		out, err := exec.CommandContext(ctx, "daemoneye-agent", "tail", "--socket", a.socket, "--count", "3", topic).CombinedOutput()
		cancel()
		if err != nil {
			a.t.Errorf("%s: %v: %s", topic, err, out)
		}
	}
}

// loaded reports which of the programs the kernel has.
func loaded(t *testing.T, ids []ebpf.ProgramID) (there []ebpf.ProgramID) {
	t.Helper()
	for _, id := range ids {
		p, err := ebpf.NewProgramFromID(id)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatalf("program %d: %v", id, err)
		}
		p.Close()
		there = append(there, id)
	}
	return there
}

// TestAgentsThatAreKilledUnderLoad: two agents have programs in the kernel, and see the same.
// One of them is killed, and then a collector of the other one: what they had in the kernel
// and their processes go, and the agent that is left sees on.
func TestAgentsThatAreKilledUnderLoad(t *testing.T) {
	dir := t.TempDir()
	one, two := startKernelAgent(t, dir), startKernelAgent(t, dir)
	load := exec.Command("bash", "-c", `while :; do /bin/true; : >"$1/x"; rm "$1/x"; (exec 3<>/dev/tcp/127.0.0.1/"$2") 2>/dev/null; done`, "load", dir, port(t))
	if err := load.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = load.Process.Kill(); _ = load.Wait() })
	one.sees()
	two.sees()
	if there := loaded(t, append(one.programs, two.programs...)); len(there) != len(one.programs)+len(two.programs) {
		t.Fatalf("of the programs %v and %v only %v are there", one.programs, two.programs, there)
	}

	if err := one.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = one.cmd.Wait()
	for _, fd := range one.pidfds {
		one.until("each collector ends", func() bool {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
			return err == nil && n == 1
		})
	}
	one.until("its programs go", func() bool { return len(loaded(t, one.programs)) == 0 })
	if there := loaded(t, two.programs); len(there) != len(two.programs) {
		t.Errorf("of the programs %v of the other agent only %v are left", two.programs, there)
	}
	two.sees()

	for _, name := range []string{process.Name, network.Name, filesystem.Name} {
		if err := unix.Kill(two.pids[name], unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	two.until("its programs go", func() bool { return len(loaded(t, two.programs)) == 0 })
	two.until("its collectors are started again", func() bool {
		s := statusOf(t, two.socket)
		return s != nil && !slices.ContainsFunc(s.Collectors, func(c control.CollectorStatus) bool {
			return c.State != control.CollectorRunning || c.PID == two.pids[c.Name] && c.Name != "performance"
		})
	})
	two.sees()
}

// port returns the number of a port that is listened on until the test ends.
func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { l.Close() })
	_, number, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return number
}
