package process

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/ebpf"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/collector/storytest"
)

// TestWhatIsLeftOutInTheKernelIsKnownWhenItIsAskedFor, although the collector has had no
// record of it: in the list of processes, and when its user changes.
func TestWhatIsLeftOutInTheKernelIsKnownWhenItIsAskedFor(t *testing.T) {
	skipUnlessRoot(t)
	skipUnlessPermitted(t, Options{Mode: ModeEBPF})
	dir := programsIn(t, "self")
	w := watchFolder(t, dir, Options{Mode: ModeEBPF, Who: filter.Who{ExcludeUsers: []string{fmt.Sprint(leftUser)}}})
	shell := exec.Command(dir+"/sh", "-c", "$D/wanted; echo ready; read x; exec 3<&0; $D/self an argument <&3 & echo $!; wait")
	shell.Env = append(os.Environ(), "D="+dir, fmt.Sprintf("%s=%d", become, otherUser))
	shell.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: leftUser, Gid: leftUser}, AmbientCaps: []uintptr{unix.CAP_SETUID}}
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := shell.StdoutPipe()
	if err == nil {
		err = shell.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); _ = shell.Wait() }()
	lines := bufio.NewScanner(out)
	lines.Scan()
	w.await(t, "what is left out", func() bool { return w.c.Filtered() > 0 })
	before := w.inKernel(t)
	fmt.Fprintln(in)
	lines.Scan()
	pid, err := strconv.Atoi(lines.Text())
	if err != nil {
		t.Fatal(err)
	}
	listed := ""
	for deadline := time.Now().Add(patience); w.inKernel(t) == before || !strings.Contains(listed, fmt.Sprintf(`"pid":%d,`, pid)); time.Sleep(time.Millisecond) {
		page, err := w.c.page(t.Context(), uint32(pid-1))
		if err != nil {
			t.Fatal(err)
		}
		if all := page.(Page).Processes; len(all) > 0 {
			listed = string(all[0])
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d were left out in the kernel, and then the list has %s", w.inKernel(t)-before, listed)
		}
	}
	if !strings.Contains(listed, fmt.Sprintf(`"executable":%q`, dir+"/self")) || !strings.Contains(listed, "an argument") && !strings.Contains(listed, `"argument"`) {
		t.Errorf("the list has %s", listed)
	}
	w.mu.Lock()
	if len(w.events) != 0 {
		t.Errorf("events of what is left out: %q", w.events)
	}
	w.mu.Unlock()
	fmt.Fprintln(in)
	w.await(t, "another user", func() bool { return len(w.events) > 0 })
	want := fmt.Sprintf("credentials %d uid %d before %d: %s", pid, otherUser, leftUser, dir+"/self")
	w.mu.Lock()
	defer w.mu.Unlock()
	if !strings.HasPrefix(w.events[0], want) || len(w.events) != 1 {
		t.Errorf("%q, want one that begins with %q", w.events, want)
	}
}

// TestOtherSettingsUnderLoadLoseNothing has programs run while what is left out changes again
// and again. Of what every filter wants, each has its start and its end, and what is left
// out is counted.
func TestOtherSettingsUnderLoadLoseNothing(t *testing.T) {
	skipUnlessPermitted(t, Options{Mode: ModeEBPF})
	dir := programsIn(t)
	w := watchFolder(t, dir, Options{Mode: ModeEBPF})
	left := w.c.Filtered()
	const n = 200
	shell := exec.Command(dir+"/sh", "-c", fmt.Sprintf("i=0; while [ $i -lt %d ]; do $D/left/a; $D/left/b; $D/wanted; i=$((i+1)); done", n))
	shell.Env = append(os.Environ(), "D="+dir)
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- shell.Wait() }() // awaited below
	changes := 0
	for over := false; !over; changes++ {
		w.adjust(t, [...]filter.Who{{}, {ExcludeExecutables: []string{dir + "/left/a"}}, {ExcludeExecutables: []string{dir + "/left"}}}[changes%3])
		select {
		case err := <-ended:
			if over = true; err != nil {
				t.Fatal(err)
			}
		case <-time.After(15 * time.Millisecond):
		}
	}
	inKernel := w.inKernel(t)
	if err := exec.Command(dir + "/last").Run(); err != nil {
		t.Fatal(err)
	}
	w.await(t, "the last program", func() bool { return w.over })
	w.mu.Lock()
	defer w.mu.Unlock()
	starts, exits := map[string]int{}, map[string]int{}
	for _, line := range w.events {
		for _, name := range []string{"left/a", "left/b", "wanted"} {
			if !strings.Contains(line, ": "+dir+"/"+name+" ") {
				continue
			}
			if strings.HasPrefix(line, "start") {
				starts[name]++
			} else {
				exits[name]++
			}
		}
	}
	t.Logf("%d changes, seen %v, %d left out in the kernel", changes, starts, inKernel)
	missing := uint64(2*n - starts["left/a"] - starts["left/b"])
	if starts["wanted"] != n || !maps.Equal(starts, exits) {
		t.Errorf("starts %v and exits %v, want %d of what is wanted", starts, exits, n)
	}
	if got := w.c.Filtered() - left; got != 2*missing {
		t.Errorf("%d were left out, want a start and an end of %d", got, missing)
	}
	if changes > 3 && inKernel == 0 {
		t.Error("none was left out in the kernel")
	}
}

// BenchmarkLeftOut is a burst of programs that are all left out, as a collector has it that
// leaves them out in the kernel, and one that does not: processor time of the collector, and
// that of the kernel's programs, for each program. The two take turns.
func BenchmarkLeftOut(b *testing.B) {
	const n = 2000
	program, err := filepath.EvalSymlinks("/bin/true")
	if err != nil {
		b.Skip(err)
	}
	stop, err := ebpf.MeasureTime()
	if err != nil {
		b.Skip(err)
	}
	defer stop()
	burst := func(judgeHere bool) (spent, inside time.Duration) {
		c, err := New(Options{Mode: ModeEBPF, Who: filter.Who{ExcludeExecutables: []string{program}}, programs: programOptions{judgeHere: judgeHere}})
		if err != nil {
			b.Skip(err)
		}
		loaded := c.opened.feed.(*programs).loaded
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx, func(collector.Message) {}) }() // awaited below
		if err := c.door.Through(ctx, func(*tracker) error { return nil }); err != nil {
			b.Fatal(err)
		}
		before := storytest.CPUTime(b)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d/0", generate, n))
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		for deadline := time.Now().Add(patience); c.Filtered() < 2*n; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				b.Fatalf("%d were left out", c.Filtered())
			}
		}
		spent = storytest.CPUTime(b) - before
		times, err := loaded.Times()
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range times {
			inside += p.Spent
		}
		cancel()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		return spent, inside
	}
	var spent, inside [2][]time.Duration
	for b.Loop() {
		for i, judgeHere := range []bool{true, false} {
			s, k := burst(judgeHere)
			spent[i], inside[i] = append(spent[i], s), append(inside[i], k)
		}
	}
	for i, where := range []string{"here", "kernel"} {
		b.ReportMetric(float64(slices.Min(spent[i]).Microseconds())/n, where+"-cpu-µs/program")
		b.ReportMetric(float64(slices.Min(inside[i]).Microseconds())/n, where+"-inside-µs/program")
	}
}
