package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

// TestTheKernelsProgramsSeeWhatProcShows starts programs of all kinds that go on, and
// holds what the kernel's programs copied against what /proc shows.
func TestTheKernelsProgramsSeeWhatProcShows(t *testing.T) {
	sleep, err := filepath.EvalSymlinks("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	// copyTo copies the program to a path.
	copyTo := func(t *testing.T, path string) string {
		t.Helper()
		b, err := os.ReadFile(sleep)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o755)
		}
		if err == nil {
			err = os.WriteFile(path, b, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		name string
		make func(t *testing.T) *exec.Cmd
	}{
		{"a plain one", func(*testing.T) *exec.Cmd { return exec.Command(sleep, "1000") }},
		{"a script", func(t *testing.T) *exec.Cmd {
			path := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(path, []byte("#!/bin/sh\nread x\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			return exec.Command(path, "an argument")
		}},
		{"names with newlines, and not UTF-8", func(t *testing.T) *exec.Cmd {
			cmd := exec.Command(copyTo(t, filepath.Join(t.TempDir(), "a\nb\xff", "sl\nee\xfep")), "1000")
			cmd.Args[0] = "\n\xfc"
			cmd.Dir = filepath.Dir(cmd.Path)
			return cmd
		}},
		{"a long command line", func(*testing.T) *exec.Cmd { return exec.Command("/bin/sh", "-c", "read x", strings.Repeat("x", 9000)) }},
		{"one of 4,095 bytes", func(*testing.T) *exec.Cmd {
			return exec.Command("/bin/sh", "-c", "read x", strings.Repeat("x", event.MaxCommandLine-len("/bin/sh -c read_x  ")))
		}},
		{"4,096 arguments", func(*testing.T) *exec.Cmd {
			return exec.Command("/bin/sh", append([]string{"-c", "read x"}, strings.Fields(strings.Repeat("a ", 4093))...)...)
		}},
		{"a path of very many components", func(t *testing.T) *exec.Cmd {
			cmd := exec.Command(copyTo(t, filepath.Join(t.TempDir(), strings.Repeat("d/", 80), "sleep")), "1000")
			cmd.Dir = filepath.Dir(cmd.Path)
			return cmd
		}},
		{"a path of long components", func(t *testing.T) *exec.Cmd {
			return exec.Command(copyTo(t, filepath.Join(t.TempDir(), strings.Repeat(strings.Repeat("d", 255)+"/", 13), "sleep")), "1000")
		}},
		{"a deleted directory", func(t *testing.T) *exec.Cmd {
			cmd := exec.Command("/bin/sh", "-c", `rmdir "$1" && exec "$0" 1000`, sleep)
			cmd.Dir = t.TempDir()
			cmd.Args = append(cmd.Args, cmd.Dir)
			return cmd
		}},
		{"a file that has no place", func(t *testing.T) *exec.Cmd {
			fd, err := unix.MemfdCreate("in memory", unix.MFD_CLOEXEC)
			if err != nil {
				t.Skip(err)
			}
			f := os.NewFile(uintptr(fd), "memory")
			t.Cleanup(func() { f.Close() })
			b, err := os.ReadFile(sleep)
			if err == nil {
				_, err = f.Write(b)
			}
			if err != nil {
				t.Fatal(err)
			}
			return exec.Command(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd), "1000")
		}},
		{"another user", func(t *testing.T) *exec.Cmd {
			skipUnlessRoot(t)
			cmd := exec.Command(sleep, "1000")
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65533}}
			return cmd
		}},
		{"namespaces of its own", func(t *testing.T) *exec.Cmd {
			skipUnlessRoot(t)
			cmd := exec.Command(sleep, "1000")
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC}
			return cmd
		}},
		{"a control group of its own", func(t *testing.T) *exec.Cmd {
			return exec.Command("/bin/sh", "-c", `echo $$ >"$1/cgroup.procs" && exec "$0" 1000`, sleep, newCgroup(t))
		}},
	}
	r := run(t, Options{Mode: ModeEBPF})
	reader, err := proc.NewReader("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &running{t: t, mode: r.mode, events: r.events, gaps: r.gaps}
			cmd := tt.make(t)
			in, err := cmd.StdinPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
			pid := uint32(cmd.Process.Pid)
			last := cmd.Path
			if strings.Contains(strings.Join(cmd.Args, " "), "exec") {
				last = sleep
			}
			start := r.await("the start", func(p *event.Process) bool {
				return p.PID == pid && p.Operation == event.OpStart && (last == cmd.Path || p.Executable == last)
			})
			want, ok := reader.Process(pid)
			if !ok {
				t.Fatal("/proc does not show it")
			}
			if diff := cmp.Diff(observed(&want), started(&start)); diff != "" {
				t.Errorf("(-/proc +programs):\n%s", diff)
			}
		})
	}
}

// facts are what an event and /proc have of a process alike.
type facts struct {
	PPID, UID, GID, Login                       uint64
	Start                                       uint64
	Name, Executable, CommandLine, Dir          string
	Container, Unit                             string
	Truncated, NoLogin, Deleted, DirGone, Other bool
}

func observed(o *proc.Observation) facts {
	f := facts{
		PPID: uint64(o.PPID), UID: uint64(o.UID), GID: uint64(o.GID), Login: uint64(o.Login), Start: o.StartTicks,
		Name: o.Image.Name, Executable: o.Image.Executable, CommandLine: o.Image.CommandLine, Dir: o.Image.Directory,
		Container: o.Cgroup.Container, Unit: o.Cgroup.Unit,
		Deleted: o.Unread.Has(event.ExecutableDeleted), DirGone: o.Unread.Has(event.DirectoryDeleted),
		Other: o.Unread&^(event.ExecutableDeleted|event.DirectoryDeleted|event.LoginUnread) != 0,
	}
	if len(f.CommandLine) > event.MaxCommandLine {
		f.CommandLine, f.Truncated = f.CommandLine[:event.MaxCommandLine], true
	}
	f.CommandLine = strings.TrimSuffix(f.CommandLine, "\x00")
	return f
}

func started(p *event.Process) facts {
	f := facts{
		PPID: uint64(p.PPID), Start: p.StartTicks, Login: uint64(proc.Nobody),
		Name: p.Name, Executable: p.Executable, CommandLine: strings.TrimSuffix(p.CommandLine, "\x00"), Dir: p.Directory,
		Container: p.Container, Unit: p.Unit,
		Truncated: p.Flags.Has(event.CommandLineTruncated),
		Deleted:   p.Flags.Has(event.ExecutableDeleted), DirGone: p.Flags.Has(event.DirectoryDeleted),
		Other: p.Flags&^(event.ExecutableDeleted|event.DirectoryDeleted|event.LoginUnread|event.CommandLineTruncated|event.UserNameUnread|event.LoginNameUnread) != 0,
	}
	f.UID, _ = p.UID.Get()
	f.GID, _ = p.GID.Get()
	if id, ok := p.LoginUID.Get(); ok {
		f.Login = id
	}
	return f
}

func skipUnlessRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may")
	}
}

// newCgroup makes a control group that looks like a container's.
func newCgroup(t *testing.T) string {
	t.Helper()
	const name = "docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope"
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/pids"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
			continue
		}
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			continue
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		})
		return dir
	}
	t.Skip("no control group can be made")
	return ""
}
