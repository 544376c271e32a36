package process

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/filter"
)

// become has this test binary become a user instead, as main_test.go does it: when it has
// read a line, and then it goes on until its standard input ends.
const become = "PROCESS_TEST_BECOME"

func becomeUser(uid string) int {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	n, err := strconv.Atoi(uid)
	if err == nil {
		err = syscall.Setresuid(n, n, n)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	in.Scan()
	return 0
}

// Users whom nobody else on this machine is.
const (
	leftUser   = 64321
	otherUser  = 64322
	leftFamily = 64320 // to 64321
)

// programsIn fills a folder that everybody may enter with programs.
func programsIn(t *testing.T, own ...string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	copyTo := func(from, name string) {
		t.Helper()
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		copyProgram(t, from, to)
	}
	for _, name := range []string{"left/a", "left/b", "wanted", "last"} {
		copyTo("/bin/true", name)
	}
	for _, name := range []string{"left/sh", "sh"} {
		copyTo("/bin/sh", name)
	}
	for _, name := range own {
		copyTo("/proc/self/exe", name)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "fifo"), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// mixedStory is what happens in the folder $D: programs that may be left out, and others,
// in all ways in which one can follow from the other.
const mixedStory = `
$D/left/a 0; $D/left/b 0; $D/left/sh -c 'exit 1'
echo ready; read go
i=1
while [ $i -lt 10 ]; do
	$D/left/a $i; $D/wanted $i; $D/left/b $i
	i=$((i+1))
done
$D/left/sh -c '$D/wanted "its parent may be left out"; $D/left/a x; $D/wanted again'
$D/left/sh -c 'exec $D/wanted "the program before it may be left out"'
$D/sh -c 'exec $D/left/a "the program before it is not"'
$D/left/sh -c 'exec $D/left/sh -c "\$D/wanted nested; \$D/left/a y; exit 7"'
$D/sh -c '$D/left/a & exec $D/left/sh -c "\$D/wanted \"its parent had a child\"; wait"'
$D/sh -c '($D/left/sh -c "read x <$D/fifo; \$D/wanted \"its parent is an orphan\"; echo >$D/fifo" &); exit 3'
echo >$D/fifo; read x <$D/fifo
$D/left/a $(printf '%0600d' 1)
$D/left/self & $D/self & wait
`

// playStory has a shell perform the story, and calls a function when the first programs of it
// have run.
func playStory(t *testing.T, shell *exec.Cmd, ready func()) {
	t.Helper()
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	shell.Stderr = os.Stderr
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
	}
	ready()
	if _, err := in.Write([]byte("go\n")); err != nil {
		t.Error(err)
	}
	for lines.Scan() {
	}
	if err := shell.Wait(); err != nil {
		t.Fatal(err)
	}
}

// filters are settings of which each leaves out some of the story. run is how the shell that
// performs it is started.
func filters(t *testing.T, dir string) []struct {
	name string
	who  filter.Who
	run  func(*testing.T, *exec.Cmd)
	some bool // of it are left out in the kernel
} {
	as := func(uid uint32) func(*testing.T, *exec.Cmd) {
		return func(t *testing.T, cmd *exec.Cmd) {
			skipUnlessRoot(t)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}, AmbientCaps: []uintptr{unix.CAP_SETUID}}
		}
	}
	here := func(*testing.T, *exec.Cmd) {}
	return []struct {
		name string
		who  filter.Who
		run  func(*testing.T, *exec.Cmd)
		some bool
	}{
		{"one program", filter.Who{ExcludeExecutables: []string{dir + "/left/a"}}, here, true},
		{"a folder, by a wildcard", filter.Who{ExcludeExecutables: []string{dir + "/le*"}}, here, true},
		{"a range of users, and a program", filter.Who{ExcludeUsers: []string{fmt.Sprintf("%d-%d", leftFamily, leftUser)}, ExcludeExecutables: []string{dir + "/left/b"}}, as(leftUser), true},
		{"another user", filter.Who{ExcludeUsers: []string{fmt.Sprint(otherUser)}}, as(leftUser), false},
		{"a unit", filter.Who{ExcludeUnits: []string{"daemoneye-test-*.service"}}, func(t *testing.T, cmd *exec.Cmd) {
			inUnit(t, cmd, fmt.Sprintf("daemoneye-test-%d.service", os.Getpid()))
		}, true},
	}
}

// inUnit has a command run in a control group of version 2 that is named like a unit.
func inUnit(t *testing.T, cmd *exec.Cmd, name string) {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err != nil {
			continue
		}
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		})
		group, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { group.Close() })
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
		return
	}
	t.Skip("no control group of version 2 can be made")
}

// TestFiltersInTheKernelLeaveOutWhatFiltersHereDo has two collectors watch the same story, of
// which one leaves nothing out in the kernel: both have the same events and leave out as
// many.
func TestFiltersInTheKernelLeaveOutWhatFiltersHereDo(t *testing.T) {
	skipUnlessPermitted(t, Options{Mode: ModeEBPF})
	dir := programsIn(t, "left/self", "self")
	kernel := watchFolder(t, dir, Options{Mode: ModeEBPF})
	here := watchFolder(t, dir, Options{Mode: ModeEBPF, programs: programOptions{judgeHere: true}})
	both := []*onlooker{kernel, here}
	for _, tt := range filters(t, dir) {
		t.Run(tt.name, func(t *testing.T) {
			shell := exec.Command(dir+"/sh", "-c", mixedStory)
			shell.Env = append(os.Environ(), "D="+dir, fmt.Sprintf("%s=%d", become, otherUser))
			tt.run(t, shell)
			var left [2]uint64
			for i, w := range both {
				w.adjust(t, tt.who)
				left[i] = w.c.Filtered()
				w.mu.Lock()
				w.events, w.over = nil, false
				w.mu.Unlock()
			}
			inKernel := kernel.inKernel(t)
			playStory(t, shell, func() {
				for i, w := range both {
					w.await(t, "what is left out", func() bool { return !tt.some || w.c.Filtered() > left[i] })
				}
			})
			if err := exec.Command(dir + "/last").Run(); err != nil {
				t.Fatal(err)
			}
			var events [2][]string
			for i, w := range both {
				w.await(t, "the last program", func() bool {
					events[i] = slices.Sorted(slices.Values(w.events))
					return w.over
				})
				left[i] = w.c.Filtered() - left[i]
			}
			if diff := cmp.Diff(events[1], events[0]); diff != "" {
				t.Errorf("(-filtered here +filtered in the kernel):\n%s", diff)
			}
			inKernel = kernel.inKernel(t) - inKernel
			t.Logf("%d events, %d left out, %d of them in the kernel", len(events[0]), left[0], inKernel)
			if left[0] != left[1] {
				t.Errorf("%d were left out, and %d without the kernel", left[0], left[1])
			}
			if (inKernel > 0) != tt.some || inKernel > left[0] || here.inKernel(t) != 0 {
				t.Errorf("%d of %d were left out in the kernel, and %d where none is to be", inKernel, left[0], here.inKernel(t))
			}
		})
	}
}
