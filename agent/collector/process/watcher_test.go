package process

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	cilium "github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/storytest"
	"github.com/daemoneye/eventbus/agent/event"
)

// watch has this test binary watch programs instead, as main_test.go does it, with a source:
// it writes how its collector describes itself, the kernel's numbers of its programs, and
// then a line for each start, until its standard input ends.
const watch = "PROCESS_TEST_WATCH"

func watchPrograms(mode string) int {
	c, err := New(Options{Mode: Mode(mode), Interval: MinInterval})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("source", c.Describe())
	if p, ok := c.opened.feed.(*programs); ok {
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
	return storytest.Run(c, func(v event.View) {
		switch p, _ := event.Copy[event.Detail](v); {
		case p.Operation == event.OpSnapshot && p.PID == uint32(os.Getpid()):
			fmt.Println("ready")
		case p.Operation == event.OpStart:
			fmt.Printf("start %d %q %s\n", p.PID, p.CommandLine, p.Executable)
		}
	})
}

// TestWhatEachCapabilityIsFor: what the source says without it, and what it shows of a
// program of root's with it.
func TestWhatEachCapabilityIsFor(t *testing.T) {
	skipUnlessRoot(t)
	skipUnlessPermitted(t, Options{Mode: ModeEBPF})
	const ebpf, netlink, poll = "kernel process events (eBPF programs)", "kernel process events (netlink process connector)", "procfs polling every "
	const unread = "; no CAP_SYS_PTRACE: executables of other users cannot be read"
	tests := []struct {
		name    string
		as      storytest.As
		mode    Mode
		source  []string // one of these, because older kernels want more
		has     []string
		hasNot  string
		program bool // of root's is known
	}{
		{"none", storytest.Nobody(), ModeAuto, []string{netlink, poll}, []string{"not ebpf: no CAP_BPF and CAP_PERFMON", unread}, "", false},
		{"none, polling", storytest.Nobody(), ModePoll, []string{poll}, []string{unread}, "", false},
		{"BPF alone", storytest.Nobody(unix.CAP_BPF), ModeAuto, []string{netlink, poll}, []string{"not ebpf: no CAP_PERFMON"}, "", false},
		{"PERFMON alone", storytest.Nobody(unix.CAP_PERFMON), ModeAuto, []string{netlink, poll}, []string{"not ebpf: no CAP_BPF"}, "", false},
		{"BPF and PERFMON", storytest.Nobody(unix.CAP_BPF, unix.CAP_PERFMON), ModeAuto, []string{ebpf}, []string{unread}, "", true},
		{"NET_ADMIN", storytest.Nobody(unix.CAP_NET_ADMIN), ModeNetlink, []string{netlink}, []string{unread}, "", false},
		{"NET_ADMIN and SYS_PTRACE", storytest.Nobody(unix.CAP_NET_ADMIN, unix.CAP_SYS_PTRACE), ModeNetlink, []string{netlink}, nil, unread, true},
		{"SYS_PTRACE, polling", storytest.Nobody(unix.CAP_SYS_PTRACE), ModePoll, []string{poll}, nil, unread, true},
		{"root without any", storytest.Bare(), ModeAuto, []string{netlink, poll}, []string{"ebpf: no CAP_BPF and CAP_PERFMON", unread}, "", false},
		{
			"root of a user namespace", storytest.Rootless(), ModeAuto, []string{netlink, poll},
			[]string{"ebpf: bpf(2) is not permitted, although the capabilities are there", unread}, "", false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := storytest.Start(t, tt.as, watch+"="+string(tt.mode))
			says := c.Await("source ")
			if !strings.HasPrefix(says, tt.source[0]) && !strings.HasPrefix(says, tt.source[len(tt.source)-1]) {
				t.Errorf("it is described as %q, want %q", says, tt.source)
			}
			for _, want := range tt.has {
				if !strings.Contains(says, want) {
					t.Errorf("it is described as %q, want %q", says, want)
				}
			}
			if tt.hasNot != "" && strings.Contains(says, tt.hasNot) {
				t.Errorf("it is described as %q, with %q", says, tt.hasNot)
			}
			c.Await("ready")
			cmd := command(t, "/bin/sleep", "1000")
			got := c.Await(fmt.Sprintf("start %d %q ", cmd.Process.Pid, "/bin/sleep\x001000\x00"))
			if (got != "") != tt.program {
				t.Errorf("its program is %q, want it known %v", got, tt.program)
			}
		})
	}
}

// TestTwoCollectorsAtOnceOfWhichOneIsKilled: both see all programs, nothing is left in the
// kernel of the one that is killed, and the other one goes on.
func TestTwoCollectorsAtOnceOfWhichOneIsKilled(t *testing.T) {
	r := run(t, Options{Mode: ModeEBPF})
	w := storytest.Start(t, storytest.As{}, watch+"="+string(ModeEBPF))
	ids := programIDs(t, w.Await("programs "))
	w.Await("ready")
	for i := range 100 {
		cmd := command(t, "/bin/true", fmt.Sprint("for both ", i))
		_ = cmd.Wait()
		r.awaitOf(cmd.Process.Pid, event.OpStart)
		w.Await(fmt.Sprintf("start %d ", cmd.Process.Pid))
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
	w.Kill()
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
	for _, f := range strings.Fields(line) {
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
