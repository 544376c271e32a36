package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/journal/faulty"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

// TestWhileTheDiskFailsAlertsGoOn, each kind of failure in turn: they are raised, found and
// read as records, health has the reason, and afterwards they are on the disk with the same
// numbers.
func TestWhileTheDiskFailsAlertsGoOn(t *testing.T) {
	for name, fault := range map[string]struct {
		err   error
		begin func(*faulty.Files)
	}{
		"disk full":           {unix.ENOSPC, func(f *faulty.Files) { f.Budget(100, unix.ENOSPC); f.Fail(unix.ENOSPC, faulty.Create) }},
		"read-only":           {unix.EROFS, func(f *faulty.Files) { f.Fail(unix.EROFS, faulty.Write, faulty.Create, faulty.Truncate) }},
		"input/output, write": {unix.EIO, func(f *faulty.Files) { f.Fail(unix.EIO, faulty.Write) }},
		"input/output, sync":  {unix.EIO, func(f *faulty.Files) { f.Fail(unix.EIO, faulty.Sync) }},
		"of the directory":    {unix.EIO, func(f *faulty.Files) { f.Fail(unix.EIO, faulty.SyncDir) }},
	} {
		t.Run(name, func(t *testing.T) {
			files := &faulty.Files{}
			dir := filepath.Join(t.TempDir(), "data")
			f := open(t, store.Options{Dir: dir, Files: files, SegmentBytes: 400})
			f.Submit(sample("before", ""))
			f.raisedAlerts(1)
			fault.begin(files)
			for i := range 10 {
				f.Submit(sample(fmt.Sprint("during ", i), ""))
			}
			f.raisedAlerts(11)
			f.await("a reason in the health", func() bool {
				h := f.Health()
				return h.State == store.Degraded && strings.Contains(h.Reason, fault.err.Error())
			})
			during := f.records()
			if got := f.titles(store.Filter{}); len(during) != 11 || len(got) != 11 {
				t.Errorf("%d records, %d found", len(during), len(got))
			}
			id := during[5].Alert.ID
			if err := f.Ack(t.Context(), id, "alice", "seen"); err != nil {
				t.Error(err)
			}
			if a, err := f.Get(id); err != nil || a.Status != alert.Acknowledged || len(a.Notes) != 1 {
				t.Errorf("%+v: %v", a, err)
			}
			f.setCursor("out", during[3].Seq)
			files.Budget(0, nil)
			files.Fail(nil, faulty.Create, faulty.Write, faulty.Sync, faulty.SyncDir, faulty.Truncate)
			f.await("health", func() bool { return f.Health().State == store.Healthy })
			f.Submit(sample("after", ""))
			f.raisedAlerts(12)
			after := f.records()
			if diff := cmp.Diff(during, after[:11]); diff != "" {
				t.Errorf("(-during +after):\n%s", diff)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			f = open(t, store.Options{Dir: dir})
			if diff := cmp.Diff(after, f.records()); diff != "" {
				t.Errorf("(-before +after the reopen):\n%s", diff)
			}
			if f.cursor("out") != during[3].Seq {
				t.Error("the cursor was lost")
			}
			if s := f.Stats(); s.Lost != 0 || len(s.Broken) != 0 || s.Cut != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestWithoutADirectoryAlertsGoOn from the start, until it can be made.
func TestWithoutADirectoryAlertsGoOn(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	if err := os.WriteFile(base, nil, 0o600); err != nil { // where the directory should be
		t.Fatal(err)
	}
	dir := filepath.Join(base, "data")
	f := open(t, store.Options{Dir: dir})
	f.Submit(sample("a", "key"))
	f.Submit(sample("b", ""))
	raised := f.raisedAlerts(2)
	if h := f.Health(); h.State != store.Degraded {
		t.Errorf("%+v", h)
	}
	if err := os.Remove(base); err != nil {
		t.Fatal(err)
	}
	f.await("health", func() bool { return f.Health().State == store.Healthy })
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open(t, store.Options{Dir: dir})
	if diff := cmp.Diff(raised, f.records()); diff != "" {
		t.Error(diff)
	}
}

// TestADirectoryThatComesLaterKeepsItsNumbers: what it has is not sent again, and what was
// raised without it comes behind.
func TestADirectoryThatComesLaterKeepsItsNumbers(t *testing.T) {
	files := &faulty.Files{}
	f := open(t, store.Options{Files: files})
	f.Submit(sample("old", "key"))
	old := f.raisedAlerts(1)[0]
	f.setCursor("out", old.Seq)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	dir := f.dir
	files.Fail(unix.EIO, faulty.Open)
	f = open(t, store.Options{Dir: dir, Files: files})
	f.Submit(sample("new", ""))
	f.Submit(sample("old", "key")) // nobody can know that it is a repeat
	raised := f.raisedAlerts(2)
	if raised[0].Seq <= old.Seq {
		t.Errorf("number %d was given before", raised[0].Seq)
	}
	files.Fail(nil, faulty.Open)
	f.await("health", func() bool { return f.Health().State == store.Healthy })
	if n := f.cursor("out"); n != old.Seq {
		t.Errorf("the cursor is %d", n)
	}
	all, missed, err := f.Records(old.Seq, 10)
	if err != nil || missed != 0 || !cmp.Equal(raised, all) {
		t.Errorf("%d missed, %v: %s", missed, err, cmp.Diff(raised, all))
	}
	if got := f.titles(store.Filter{}); len(got) != 3 {
		t.Errorf("found are %v", got)
	}
}

// TestARemovedDirectoryIsMadeAgain, with silences and cursors; the alerts in it are gone, and
// health reports it.
func TestARemovedDirectoryIsMadeAgain(t *testing.T) {
	f := open(t, store.Options{})
	for i := range 3 {
		f.Submit(sample(fmt.Sprint("before ", i), ""))
	}
	f.raisedAlerts(3)
	silence := quiet(t, f, "rule.title", "quiet")
	f.setCursor("out", 2)
	f.await("index", func() bool { return f.Stats().Alerts == 3 })
	if err := os.RemoveAll(f.dir); err != nil {
		t.Fatal(err)
	}
	f.Submit(sample("after", ""))
	raised := f.raisedAlerts(4)
	f.await("directory", func() bool { _, err := os.Stat(filepath.Join(f.dir, "journal")); return err == nil })
	f.await("line", func() bool { return f.Stats().Waiting == 0 })
	if h := f.Health(); h.State != store.Degraded {
		t.Errorf("%+v", h)
	}
	dir := f.dir
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open(t, store.Options{Dir: dir})
	if diff := cmp.Diff(raised[3:], f.records()); diff != "" {
		t.Error(diff)
	}
	if all := f.Silences(); len(all) != 1 || all[0].ID != silence.ID || f.cursor("out") != 2 {
		t.Errorf("silences %v, cursor %d", all, f.cursor("out"))
	}
	if got := f.titles(store.Filter{}); len(got) != 1 {
		t.Errorf("found are %v", got)
	}
}

// TestTheMemoryIsBounded while the disk fails: a flood of one rule takes a quarter of it,
// others go on, and what found no room is counted.
func TestTheMemoryIsBounded(t *testing.T) {
	files := &faulty.Files{}
	f := open(t, store.Options{Files: files, Limits: store.Limits{MemoryBytes: 400_000, Burst: -1}})
	files.Fail(unix.EIO, faulty.Write)
	for i := range 2000 {
		f.Submit(sample("flood", fmt.Sprint("key ", i)))
	}
	for i := range 20 {
		f.Submit(sample(fmt.Sprint("other ", i), ""))
	}
	f.await("the last one", func() bool { return len(f.titles(store.Filter{Rule: "other 19"})) == 1 })
	s := f.Stats()
	if s.WaitingSize > 400_000 || s.Dropped == 0 || s.Dropped+uint64(len(f.titles(store.Filter{Limit: 5000}))) != 2020 {
		t.Errorf("%+v", s)
	}
	if got := f.titles(store.Filter{Rule: "other", Limit: 100}); len(got) != 20 {
		t.Errorf("of the others %v are there", got)
	}
	if h := f.Health(); h.State != store.Unhealthy {
		t.Errorf("%+v", h)
	}
	files.Fail(nil, faulty.Write)
	f.await("lines on the disk", func() bool { return f.Stats().Waiting == 0 })
	if n := f.Stats().WaitingSize; n != 0 {
		t.Errorf("%d bytes are still charged", n)
	}
}

func TestWhatCloseCannotWriteIsReported(t *testing.T) {
	files := &faulty.Files{}
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Files: files, Log: discard})
	if err != nil {
		t.Fatal(err)
	}
	files.Fail(unix.ENOSPC, faulty.Write, faulty.Create)
	s.Submit(sample("a", ""))
	if err := s.Close(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("close says %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("again: %v", err)
	}
}

// TestARealDiskThatIsFull or read-only is a tmpfs of a few pages.
func TestARealDiskThatIsFull(t *testing.T) {
	mount := t.TempDir()
	if err := unix.Mount("tmpfs", mount, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("mount of a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(mount, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(mount, "data")
	f := open(t, store.Options{Dir: dir, Limits: store.Limits{Burst: -1}})
	ballast := filepath.Join(mount, "ballast")
	f.Submit(sample("first", ""))
	f.raisedAlerts(1)
	b, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = b.Write(make([]byte, 4096))
	}
	b.Close()
	for i := range 50 {
		f.Submit(sample(fmt.Sprint("during ", i), ""))
	}
	f.raisedAlerts(51)
	f.await("a reason in the health", func() bool { return f.Health().State == store.Degraded })
	before := f.records()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	f.await("health", func() bool { return f.Health().State == store.Healthy })
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open(t, store.Options{Dir: dir})
	if diff := cmp.Diff(before, f.records()); diff != "" || len(before) != 51 {
		t.Error(len(before), diff)
	}
	if got := f.titles(store.Filter{Limit: 100}); len(got) != 51 {
		t.Errorf("%d are found", len(got))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	remount := func(flags uintptr) {
		if err := unix.Mount("", mount, "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(unix.MS_RDONLY)
	f = open(t, store.Options{Dir: dir})
	f.Submit(sample("read-only", ""))
	f.raisedAlerts(1)
	if h := f.Health(); h.State != store.Degraded || !strings.Contains(h.Reason, "read-only") {
		t.Errorf("%+v", h)
	}
	remount(0)
	f.await("health", func() bool { return f.Health().State == store.Healthy })
	f.await("all alerts", func() bool { return len(f.titles(store.Filter{Limit: 100})) == 52 })
}
