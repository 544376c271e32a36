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
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

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
