package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

const nobody = 65534

// Exit statuses of oddProc: not permitted is a reason to skip a test.
const (
	exitNotPermitted = 77
	exitBroken       = 78
)

// oddProc is a program that changes what is at /proc, for itself only, and then is
// daemoneye-agent. Its first argument names the change.
func oddProc() {
	runtime.LockOSThread() // the mounts belong to this thread
	check := func(err error, status int) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(status)
		}
	}
	program, err := exec.LookPath("daemoneye-agent")
	check(err, exitBroken)
	check(unix.Unshare(unix.CLONE_NEWNS), exitNotPermitted)
	check(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), exitNotPermitted)
	bind := func(over string, content []byte) {
		f, err := os.CreateTemp("", "odd")
		check(err, exitBroken)
		_, err = f.Write(content)
		check(err, exitBroken)
		check(unix.Mount(f.Name(), over, "", unix.MS_BIND, ""), exitNotPermitted)
		check(os.Remove(f.Name()), exitBroken)
	}
	mount := func(options string) { check(unix.Mount("proc", "/proc", "proc", 0, options), exitNotPermitted) }
	switch os.Args[1] {
	case "negative":
		b, err := os.ReadFile("/proc/stat")
		check(err, exitBroken)
		bind("/proc/stat", regexp.MustCompile(`(?m)^processes .*`).ReplaceAll(b, []byte("processes -2045677862")))
	case "empty":
		bind("/proc/stat", nil)
		bind("/proc/sys/kernel/random/boot_id", nil)
	case "subset":
		mount("subset=pid")
	case "hidepid", "nobody":
		if os.Args[1] == "hidepid" {
			mount("hidepid=2")
		}
		fd, err := unix.Open(program, unix.O_PATH, 0)
		check(err, exitBroken)
		program = fmt.Sprintf("/proc/self/fd/%d", fd) // its path may be closed to nobody
		check(syscall.Setgroups(nil), exitNotPermitted)
		check(syscall.Setgid(nobody), exitNotPermitted)
		check(syscall.Setuid(nobody), exitNotPermitted)
	case "none":
		check(unix.Mount("none", "/proc", "tmpfs", 0, ""), exitNotPermitted)
	}
	check(syscall.Exec(program, append([]string{"daemoneye-agent"}, os.Args[2:]...), os.Environ()), exitBroken)
}

// TestAnAgentStartsWhateverProcShows, and what cannot be measured is unknown.
func TestAnAgentStartsWhateverProcShows(t *testing.T) {
	tests := []struct {
		name, change, collectors string
		source                   string // part of each collector's
		known                    bool   // what the agent takes
	}{
		{"a negative count of processes", "negative", "process", "process", true},
		{"files that are empty", "empty", "process", "process", true},
		{"nothing but processes", "subset", "process", "process", true},
		{"nothing but one's own processes", "hidepid", "process,network,performance", "processes of other users are hidden", true},
		{"what it shows to anybody, without capabilities", "nobody", "process,filesystem,network,performance", "no CAP_", true},
		{"nothing", "none", "none", "", false},
		{"nothing, to the collectors", "none", "process,filesystem,network,performance", "no procfs is mounted at /proc", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "cmd")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			socket := filepath.Join(dir, "run", "agent.sock")
			var errs bytes.Buffer
			agent := exec.Command(exe(t, "oddproc"), tt.change, "run", "-quiet", "-socket", socket, "-collectors", tt.collectors)
			agent.Stderr = &errs
			if err := agent.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- agent.Wait() }() // awaited below
			for begun := time.Now(); ; {
				if s := statusOf(t, socket); s != nil && !slices.ContainsFunc(s.Collectors, func(c control.CollectorStatus) bool {
					return c.State != control.CollectorRunning || !strings.Contains(c.Source, tt.source)
				}) {
					if tt.change == "nobody" {
						lacks(t, socket, "CAP_BPF and CAP_PERFMON", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH")
					}
					if known := s.Usage.RSS != nil && s.Usage.Threads != nil && s.Usage.OpenFiles != nil; known != tt.known {
						t.Errorf("the agent takes %+v", s.Usage)
					}
					break
				}
				select {
				case <-ended:
					if agent.ProcessState.ExitCode() == exitNotPermitted {
						t.Skipf("not permitted here: %s", errs.String())
					}
					t.Fatalf("ended with %v: %s", agent.ProcessState, errs.String())
				default:
				}
				if time.Since(begun) > patience {
					_ = agent.Process.Kill()
					<-ended
					t.Fatalf("it does not answer as it should: %s", errs.String())
				}
			}
			if err := agent.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
			// The race detector writes its own complaints about /proc.
			if err := <-ended; err != nil || strings.Contains(errs.String(), "level=") || strings.Contains(errs.String(), "error:") {
				t.Errorf("ended with %v: %s", err, errs.String())
			}
		})
	}
}

// lacks holds that the command status names these capabilities.
func lacks(t *testing.T, socket string, names ...string) {
	t.Helper()
	_, out, errs := run(t, "status", "--socket", socket)
	text := strings.Join(strings.Fields(out), " ") // lines are broken anywhere
	for _, name := range names {
		if !strings.Contains(text, "no "+name) {
			t.Errorf("status does not say that there is no %s:\n%s%s", name, out, errs)
		}
	}
}

// statusOf asks an agent, nil as long as none answers.
func statusOf(t *testing.T, socket string) *control.Status {
	t.Helper()
	status, out, errs := run(t, "status", "--json", "-socket", socket)
	if status == cli.ExitNoAgent || status == cli.ExitFailed {
		return nil
	}
	var s control.Status
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("exit status %d: %v: %s%s", status, err, out, errs)
	}
	return &s
}
