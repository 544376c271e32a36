package procstat_test

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/procstat"
)

// fixture is a procfs with one process, 4711, and nothing but processes.
type fixture struct {
	t    *testing.T
	root string
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	f := fixture{t: t, root: t.TempDir()}
	f.write("4711/fd/0", "")
	f.write("4711/fd/1", "")
	f.write("4711/fd/2", "")
	return f
}

func (f fixture) write(path, content string) {
	f.t.Helper()
	path = filepath.Join(f.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// process writes the process's stat file; times are in ticks.
func (f fixture) process(state string, user, system, threads, start, pages int) {
	f.t.Helper()
	f.write("4711/stat", fmt.Sprintf("4711 (busy) %s 1 1 1 0 -1 0 0 0 0 0 %d %d 0 0 20 0 %d 0 %d 0 %d"+
		" 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", state, user, system, threads, start, pages))
}

func TestSharesAreOverTheTimeSinceAnEarlierSample(t *testing.T) {
	f := newFixture(t)
	f.process("R", 100, 20, 3, 500, 10)
	s, err := procstat.NewAt(f.root, 4711)
	if err != nil {
		t.Fatal(err)
	}
	t0 := time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC)
	page := uint64(os.Getpagesize())
	steps := []struct {
		name         string
		after        time.Duration // since t0
		user, system int           // ticks
		pages        int
		want         procstat.Usage
	}{
		{"the first has no share", 0, 100, 20, 10,
			procstat.Usage{CPUTime: 1200 * time.Millisecond, ResidentBytes: new(10 * page)}},
		{"one that comes too soon has none either", 499 * time.Millisecond, 110, 20, 10,
			procstat.Usage{CPUTime: 1300 * time.Millisecond, ResidentBytes: new(10 * page)}},
		{"one core and a half", 2 * time.Second, 350, 70, 12,
			procstat.Usage{CPUTime: 4200 * time.Millisecond, CPUCore: new(1.5), ResidentBytes: new(12 * page)}},
		{"idle", 3 * time.Second, 350, 70, 12,
			procstat.Usage{CPUTime: 4200 * time.Millisecond, CPUCore: new(0.), ResidentBytes: new(12 * page)}},
		{"one that comes too soon has the share before", 3100 * time.Millisecond, 360, 70, 12,
			procstat.Usage{CPUTime: 4300 * time.Millisecond, CPUCore: new(0.), ResidentBytes: new(12 * page)}},
		{"and what it used is in the next", 4 * time.Second, 375, 70, 12,
			procstat.Usage{CPUTime: 4450 * time.Millisecond, CPUCore: new(0.25), ResidentBytes: new(12 * page)}},
		{"a clock that goes back", time.Second, 385, 70, 12,
			procstat.Usage{CPUTime: 4550 * time.Millisecond, CPUCore: new(0.25), ResidentBytes: new(12 * page)}},
	}
	for _, step := range steps {
		f.process("R", step.user, step.system, 3, 500, step.pages)
		got, err := s.Sample(t0.Add(step.after))
		if err != nil {
			t.Fatal(err)
		}
		want := step.want
		want.Threads, want.Descriptors = new(3), new(3)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

// TestWhatTheKernelDoesNotCountIsNotKnown, as in some sandboxes.
func TestWhatTheKernelDoesNotCountIsNotKnown(t *testing.T) {
	f := newFixture(t)
	f.process("S", 0, 0, 0, 500, 0)
	if err := os.RemoveAll(filepath.Join(f.root, "4711", "fd")); err != nil {
		t.Fatal(err)
	}
	s, err := procstat.NewAt(f.root, 4711)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Sample(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(procstat.Usage{}, got); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
}

// TestAFileThatMakesNoSense is an error, and not the end of the process.
func TestAFileThatMakesNoSense(t *testing.T) {
	for _, content := range []string{"", "4711", "4711 (busy) S 1 1 1 0 -1 0 0 0 0 0 much\n"} {
		f := newFixture(t)
		f.write("4711/stat", content)
		if _, err := procstat.NewAt(f.root, 4711); err == nil || errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%q: error %v", content, err)
		}
		f.process("S", 1, 1, 1, 500, 1)
		s, err := procstat.NewAt(f.root, 4711)
		if err != nil {
			t.Fatal(err)
		}
		f.write("4711/stat", content)
		if _, err := s.Sample(time.Now()); err == nil || errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%q: error %v", content, err)
		}
	}
}

func TestAProcessThatEnds(t *testing.T) {
	tests := []struct {
		name  string
		story func(f fixture)
	}{
		{"gone", func(f fixture) { os.RemoveAll(filepath.Join(f.root, "4711")) }},
		{"a zombie", func(f fixture) { f.process("Z", 100, 20, 1, 500, 0) }},
		{"another one has its pid", func(f fixture) { f.process("S", 1, 1, 1, 999, 10) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.process("S", 100, 20, 1, 500, 10)
			s, err := procstat.NewAt(f.root, 4711)
			if err != nil {
				t.Fatal(err)
			}
			tt.story(f)
			if _, err := s.Sample(time.Now()); !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("error %v, want %v", err, os.ErrProcessDone)
			}
		})
	}
}

func TestNewFails(t *testing.T) {
	f := newFixture(t)
	if _, err := procstat.NewAt(f.root, 4712); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("a process that is not there: %v, want %v", err, os.ErrProcessDone)
	}
	if _, err := procstat.NewAt("/nowhere", 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a procfs that is not there: %v, want %v", err, os.ErrNotExist)
	}
}

// TestABusyChild samples a child until it has used processor time: it prints a
// line once it has, so that nothing depends on how fast it was.
func TestABusyChild(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo busy; done")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)

	s, err := procstat.New(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.Sample(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	last := first
	for last.CPUTime < first.CPUTime+100*time.Millisecond {
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		now = now.Add(procstat.MinInterval)
		before := last
		if last, err = s.Sample(now); err != nil {
			t.Fatal(err)
		}
		if want := (last.CPUTime - before.CPUTime).Seconds() / procstat.MinInterval.Seconds(); before != first && math.Abs(*last.CPUCore-want) > 1e-6 {
			t.Errorf("the share is %v, want %v", *last.CPUCore, want)
		}
	}
	if *last.Threads != 1 || *last.ResidentBytes < 64<<10 || *last.Descriptors < 3 {
		t.Errorf("a shell has %d threads, %d bytes, %d descriptors", *last.Threads, *last.ResidentBytes, *last.Descriptors)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if _, err := s.Sample(time.Now()); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("after its end: %v, want %v", err, os.ErrProcessDone)
	}
}

func TestOneself(t *testing.T) {
	s, err := procstat.New(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.Sample(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	const size = 32 << 20
	// Memory of the kernel's own giving: the heap may have some to spare.
	held, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(held) })
	for i := 0; i < size; i += os.Getpagesize() {
		held[i] = 1
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	after, err := s.Sample(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if grown := int64(*after.ResidentBytes - *before.ResidentBytes); grown < size/2 {
		t.Errorf("resident memory has grown by %d bytes, %d were touched", grown, size)
	}
	if *after.Descriptors <= *before.Descriptors {
		t.Errorf("%d descriptors, %d before one was opened", *after.Descriptors, *before.Descriptors)
	}
}

// BenchmarkSample is what one sample costs.
func BenchmarkSample(b *testing.B) {
	s, err := procstat.New(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Sample(time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleSampler() {
	s, err := procstat.New(os.Getpid())
	if err != nil {
		fmt.Println(err)
		return
	}
	sample, err := s.Sample(time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	if sample.ResidentBytes != nil {
		fmt.Println(*sample.ResidentBytes > 0)
	}
	// Output: true
}

func TestEnding(t *testing.T) {
	cmd := exec.Command("/bin/cat")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if procstat.Ending(cmd.Process.Pid) {
		t.Error("a process that waits is ending")
	}
	in.Close()
	// Until it is waited for it is there as a zombie.
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if !procstat.Ending(cmd.Process.Pid) {
		t.Error("a zombie is not ending")
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !procstat.Ending(cmd.Process.Pid) {
		t.Error("a process that is gone is not ending")
	}
}
