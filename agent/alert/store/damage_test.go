package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/index"
	"github.com/daemoneye/eventbus/agent/alert/journal/faulty"
	"github.com/daemoneye/eventbus/agent/alert/ledger"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

// contents is all that a user sees of a store.
type contents struct {
	Alerts   []*alert.Alert
	Records  []alert.Record
	Silences []*alert.Silence
	Cursor   uint64
}

func contentsOf(s *store.Store) (c contents, err error) {
	if c.Alerts, _, err = s.Query(store.Filter{Limit: 1000}); err != nil {
		return c, err
	}
	c.Silences = s.Silences()
	if c.Cursor, err = s.Cursor("out"); err != nil {
		return c, err
	}
	c.Records, _, err = s.Records(0, 1000)
	return c, err
}

// damageable makes a store with something of everything, and returns its directory.
func damageable(t *testing.T, alerts int) (dir string, want contents) {
	t.Helper()
	f := open(t, store.Options{SegmentBytes: 2500})
	quiet(t, f, "rule.title", "quiet")
	for i := range alerts {
		f.Submit(sample(fmt.Sprint("rule ", i), fmt.Sprint("key ", i)))
		f.Submit(sample(fmt.Sprint("rule ", i), fmt.Sprint("key ", i)))
	}
	f.Submit(sample("quiet", ""))
	raised := f.raisedAlerts(alerts + 1)
	for i, change := range []error{
		f.Ack(t.Context(), raised[0].Alert.ID, "alice", "mine"), f.CloseAlert(t.Context(), raised[1].Alert.ID, "bob", ""),
		f.Note(t.Context(), raised[0].Alert.ID, "carol", "more"),
	} {
		if change != nil {
			t.Fatal(i, change)
		}
	}
	f.setCursor("out", 4)
	f.await("counts", func() bool { return strings.Count(fmt.Sprint(f.titles(store.Filter{Limit: 1000})), " 2 ") == alerts })
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{Dir: f.dir, Log: discard})
	if err != nil {
		t.Fatal(err)
	}
	if want, err = contentsOf(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return f.dir, want
}

// TestEachChangedByteOfAStoreIsNoticed changes one byte after the other: all is as before,
// or the store reports it; and what it returns is never wrong. Only some of
// the bytes are changed; with STORE_SOAK each one, in a larger store.
func TestEachChangedByteOfAStoreIsNoticed(t *testing.T) {
	alerts, step := 3, 997
	if soaking {
		alerts, step = 40, 1
	}
	dir, want := damageable(t, alerts)
	type change struct {
		name string
		at   int
	}
	whole := tree(t, dir)
	changes := make(chan change)
	var said, same atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		copied := filepath.Join(memory(t), "data")
		workers.Go(func() {
			for c := range changes {
				rel, err := filepath.Rel(dir, c.name)
				if err == nil {
					err = os.CopyFS(copied, os.DirFS(dir))
				}
				b := []byte(whole[c.name])
				b[c.at] ^= 1 << (c.at % 8)
				if err == nil {
					err = os.WriteFile(filepath.Join(copied, rel), b, 0o600)
				}
				if err != nil {
					t.Error(err)
					continue
				}
				if checkDamaged(t, copied, &want, fmt.Sprintf("%s, byte %d", rel, c.at)) {
					said.Add(1)
				} else {
					same.Add(1)
				}
				if err := os.RemoveAll(copied); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for name, text := range whole {
		by := 1
		switch {
		case filepath.Base(name) == "lock":
			continue
		case filepath.Base(name) == "index.db":
			by = step
		case !soaking:
			by = 41
		}
		for at := 0; at < len(text) && !t.Failed(); at += by {
			changes <- change{name, at}
		}
	}
	close(changes)
	workers.Wait()
	t.Logf("%d changes: %d noticed, %d without effect", said.Load()+same.Load(), said.Load(), same.Load())
}

// memory returns a directory of the test's own, which is in memory where there is such a file
// system: nothing here has to be on a disk.
func memory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "store")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// checkDamaged opens a store with damage, and reports whether the store reports it.
func checkDamaged(t *testing.T, dir string, want *contents, what string) bool {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, Log: discard, Files: &faulty.Files{Unsynced: true}, Patience: 10 * guard})
	if err != nil {
		if !errors.Is(err, store.ErrNewer) {
			t.Errorf("%s: %v", what, err)
		}
		return true
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("%s: close: %v", what, err)
		}
	}()
	got, err := contentsOf(s)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return true
	}
	stats := s.Stats()
	lost := stats.Lost > 0
	if lost && len(stats.Broken) == 0 || (len(stats.Broken) > 0) != (s.Health().State != store.Healthy) {
		t.Errorf("%s: %+v, %+v", what, stats, s.Health())
	}
	if !lost {
		if !reflect.DeepEqual(*want, got) { // cmp takes most of the time otherwise
			t.Errorf("%s: nothing is said to be lost (-before +after):\n%s", what, cmp.Diff(*want, got))
		}
		return len(stats.Mended) > 0
	}
	// What is there is what was there; a line less may leave a status, count or note behind.
	before := map[alert.ID]*alert.Alert{}
	for _, a := range want.Alerts {
		before[a.ID] = a
	}
	missing := uint64(len(want.Alerts) - len(got.Alerts))
	for _, a := range got.Alerts {
		b := before[a.ID]
		if b == nil || !bytes.Equal(a.Event, b.Event) || !cmp.Equal(a.Rule, b.Rule) || a.Count > b.Count || len(a.Notes) > len(b.Notes) {
			t.Errorf("%s: alert %s is wrong: %+v", what, a.ID, a)
		}
	}
	records := map[string]bool{}
	for _, r := range want.Records {
		records[asJSON(r)] = true
	}
	for _, r := range got.Records {
		if !records[asJSON(r)] {
			t.Errorf("%s: record %d is wrong", what, r.Seq)
		}
	}
	if gone := uint64(len(want.Records) - len(got.Records)); gone > stats.Lost || missing > stats.Lost {
		t.Errorf("%s: %d records and %d alerts are missing, and %d lines are said to be lost", what, gone, missing, stats.Lost)
	}
	return true
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestAnIndexThatDiffersIsMadeAgain: its checksums are right, and what it has is wrong.
func TestAnIndexThatDiffersIsMadeAgain(t *testing.T) {
	dir, want := damageable(t, 5)
	first := want.Alerts[0]
	for what, op := range map[string]index.Op{
		"missing": {Key: want.Alerts[1].ID.Bytes()},
		"wrong":   {Key: want.Alerts[2].ID.Bytes(), Value: []byte(asJSON(ledger.Raise(2, first)))},
		"extra":   {Key: alert.ID{9}.Bytes(), Value: []byte(asJSON(ledger.Raise(2, first)))},
	} {
		x, err := index.Open(filepath.Join(dir, "index.db"))
		if err != nil {
			t.Fatal(err)
		}
		applied, err := x.Applied()
		if err != nil {
			t.Fatal(err)
		}
		op.Bucket = "alert"
		if err := x.Update(applied, []index.Op{op}); err != nil {
			t.Fatal(err)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		f := open(t, store.Options{Dir: dir})
		if err := f.Check(); !errors.Is(err, store.ErrDiffers) {
			t.Errorf("%s: the check says %v", what, err)
		}
		if err := f.Check(); err != nil {
			t.Errorf("%s: again: %v", what, err)
		}
		got, err := contentsOf(f.Store)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", what, err, diff)
		}
		if f.Stats().Rebuilt != 1 {
			t.Errorf("%s: %+v", what, f.Stats())
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnIndexThatIsTruncatedWhileItIsOpen: queries go on, from the journal.
func TestAnIndexThatIsTruncatedWhileItIsOpen(t *testing.T) {
	dir, want := damageable(t, 5)
	f := open(t, store.Options{Dir: dir})
	if err := os.Truncate(filepath.Join(dir, "index.db"), 4096); err != nil {
		t.Fatal(err)
	}
	got, err := contentsOf(f.Store)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	f.Submit(sample("after", ""))
	f.raisedAlerts(1)
	f.await("new index", func() bool { return f.Stats().Rebuilt == 1 && f.Health().State == store.Healthy })
	if got := f.titles(store.Filter{Limit: 100}); len(got) != len(want.Alerts)+1 {
		t.Errorf("found are %v", got)
	}
	if err := f.Check(); err != nil {
		t.Error(err)
	}
}

// TestWhatIsCutOffIsMissed: the index knows that there was more.
func TestWhatIsCutOffIsMissed(t *testing.T) {
	dir, want := damageable(t, 5)
	names, err := filepath.Glob(filepath.Join(dir, "journal", "*.jsonl"))
	if err != nil || len(names) < 2 {
		t.Fatal(names, err)
	}
	if err := os.Remove(names[len(names)-1]); err != nil {
		t.Fatal(err)
	}
	last := want.Records[len(want.Records)-1].Seq
	f := open(t, store.Options{Dir: dir})
	if h, s := f.Health(), f.Stats(); h.State != store.Degraded || s.Lost == 0 {
		t.Errorf("%+v, %+v", h, s)
	}
	f.Submit(sample("after", ""))
	if r := f.raisedAlerts(1)[0]; r.Seq <= last {
		t.Errorf("number %d was given before", r.Seq)
	}
	if err := f.Check(); err != nil {
		t.Error(err)
	}
	// That something was lost is known as long as what comes before the gap is there.
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open(t, store.Options{Dir: dir})
	if h, s := f.Health(), f.Stats(); h.State != store.Degraded || s.Lost == 0 {
		t.Errorf("opened again: %+v, %+v", h, s)
	}
}
