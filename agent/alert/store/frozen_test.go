package store_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/alert/store"
)

// frozen makes a file system of the test's own and returns what freezes and thaws it: until
// then each write and each new file of it waits. A child that waits for the end of the test
// thaws and unmounts it, whatever becomes of the test.
func frozen(t *testing.T) (mount string, freeze, thaw func()) {
	t.Helper()
	for _, tool := range []string{"mkfs.ext4", "mount", "umount", "fsfreeze"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no file system of a test's own: %v", err)
		}
	}
	base := t.TempDir()
	image, mount := filepath.Join(base, "image"), filepath.Join(base, "mount")
	run := func(name string, args ...string) error {
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, out)
		}
		return nil
	}
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 16<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, step := range [][]string{{"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, mount}} {
		if err := run(step[0], step[1:]...); err != nil {
			t.Skipf("no file system of a test's own: %v", err)
		}
	}
	guard := exec.Command("sh", "-c", `read x; fsfreeze -u "$0" 2>/dev/null; umount "$0" || umount -l "$0"`, mount)
	in, err := guard.StdinPipe()
	if err == nil {
		err = guard.Start()
	}
	if err != nil {
		_ = run("umount", mount)
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // it ends the child
		if err := guard.Wait(); err != nil {
			t.Errorf("the file system stays mounted: %v", err)
		}
	})
	var here, above unix.Stat_t
	if unix.Stat(mount, &here) != nil || unix.Stat(base, &above) != nil || here.Dev == above.Dev {
		t.Fatal("it is no file system of its own") // no other one is ever frozen
	}
	do := func(flag string) func() {
		return func() {
			t.Helper()
			if err := run("fsfreeze", flag, mount); err != nil {
				t.Fatal(err)
			}
		}
	}
	return mount, do("-f"), do("-u")
}

// TestARealDiskThatIsFrozen holds no alert, whatever is going on: writes, the index, the
// removal of old segments; nor a start.
func TestARealDiskThatIsFrozen(t *testing.T) {
	t.Parallel() // it waits
	mount, freeze, thaw := frozen(t)
	dir := filepath.Join(mount, "data")
	o := store.Options{Dir: dir, SegmentBytes: 4000, Patience: 300 * time.Millisecond, Limits: store.Limits{Burst: -1}}
	f := open(t, o)
	n := 0
	submit := func(what string) {
		for range 30 {
			f.Submit(sample(fmt.Sprint(what, " ", n), ""))
			n++
		}
	}
	submit("before")
	f.raisedAlerts(n)
	freeze()
	submit("during")
	f.raisedAlerts(n)
	stalled(t, f)
	if got := f.titles(store.Filter{Limit: 1000}); len(got) != n {
		t.Errorf("%d are found, want %d", len(got), n)
	}
	during := f.records()
	thaw()
	f.await("health", func() bool { return f.Health().State == store.Healthy })
	if diff := cmp.Diff(during, f.records()); diff != "" {
		t.Errorf("(-during +after):\n%s", diff)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	freeze()
	f = open(t, o)
	stalled(t, f)
	f.Submit(sample("at the start", ""))
	f.raisedAlerts(1)
	thaw()
	f.await("health", func() bool { return f.Health().State == store.Healthy })
	if got := f.titles(store.Filter{Limit: 1000}); len(got) != n+1 {
		t.Errorf("%d are found, want %d", len(got), n+1)
	}
	if err := f.Check(); err != nil {
		t.Error(err)
	}
	if s := f.Stats(); s.Lost != 0 || len(s.Broken) != 0 || s.Cut != 0 {
		t.Errorf("%+v", s)
	}
	if err := f.Close(); err != nil { // before it is unmounted
		t.Fatal(err)
	}
}
