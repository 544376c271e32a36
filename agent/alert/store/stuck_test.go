package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/journal/faulty"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

// bearable is how long an alert may wait for a disk that does not answer.
const bearable = 5 * time.Second

// stalled checks that the health has that the disk does not answer, and what to do.
func stalled(t *testing.T, f *fixture) {
	t.Helper()
	h := f.Health()
	for _, part := range []string{store.ErrStalled.Error(), f.dir, "in memory", "see whether"} {
		if h.State < store.Degraded || !strings.Contains(h.Reason, part) {
			t.Errorf("the health has no %q: %+v", part, h)
		}
	}
}

// TestADiskThatDoesNotAnswerHoldsNoAlert, such as a mount whose server is dead: alerts are
// raised without it, and written when it answers, each once. The clock is that of the bubble.
func TestADiskThatDoesNotAnswerHoldsNoAlert(t *testing.T) {
	for _, op := range []faulty.Operation{faulty.Sync, faulty.Write, faulty.Create, faulty.SyncDir} {
		t.Run(string(op), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				files := &faulty.Files{Unsynced: true}
				f := open(t, store.Options{Files: files, SegmentBytes: 400, Patience: store.DefaultPatience})
				f.Submit(sample("before", ""))
				before := f.raisedAlerts(1)[0]
				release := files.Hang(op)
				defer release()
				began := time.Now()
				f.Submit(sample("during 0", "key"))
				f.raisedAlerts(2)
				if d := time.Since(began); d > bearable {
					t.Errorf("the alert was raised after %v", d)
				}
				stalled(t, f)
				began = time.Now()
				for i := 1; i < 10; i++ {
					f.Submit(sample(fmt.Sprint("during ", i), ""))
				}
				f.Submit(sample("during 0", "key")) // a repeat
				during := f.raisedAlerts(11)
				if d := time.Since(began); d > bearable {
					t.Errorf("others were raised after %v", d)
				}
				if err := f.Ack(t.Context(), during[5].Alert.ID, "alice", "seen"); err != nil {
					t.Error(err)
				}
				if err := f.Ack(t.Context(), before.Alert.ID, "alice", "seen"); err != nil && !errors.Is(err, store.ErrStalled) {
					t.Error(err)
				}
				f.await("the count", func() bool { return fmt.Sprint(f.titles(store.Filter{Rule: "during 0"})) == "[during 0 2 open]" })
				records := f.records()
				if got := f.titles(store.Filter{}); len(got) != 11 {
					t.Errorf("found are %v", got)
				}
				time.Sleep(time.Hour)
				release()
				f.await("health", func() bool { return f.Health().State == store.Healthy })
				f.Submit(sample("after", ""))
				f.raisedAlerts(12)
				if diff := cmp.Diff(records, f.records()[:len(records)]); diff != "" {
					t.Errorf("(-during +after):\n%s", diff)
				}
				records = f.records()
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				f = open(t, store.Options{Dir: f.dir})
				if diff := cmp.Diff(records, f.records()); diff != "" {
					t.Errorf("(-before +after the reopen):\n%s", diff)
				}
				if s := f.Stats(); s.Lost != 0 || len(s.Broken) != 0 || s.Cut != 0 {
					t.Errorf("%+v", s)
				}
				if err := f.Check(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestADirectoryThatDoesNotAnswerDelaysNoStart: alerts go on without it, and what it has is
// there when it answers, with the cursors.
func TestADirectoryThatDoesNotAnswerDelaysNoStart(t *testing.T) {
	for _, op := range []faulty.Operation{faulty.Mkdir, faulty.Open, faulty.Read} {
		t.Run(string(op), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				files := &faulty.Files{Unsynced: true}
				f := open(t, store.Options{Files: files})
				f.Submit(sample("old", "key"))
				old := f.raisedAlerts(1)[0]
				if err := f.SetCursor("out", old.Seq); err != nil {
					t.Fatal(err)
				}
				silence := quiet(t, f, "rule.title", "quiet")
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				release := files.Hang(op)
				defer release()
				began := time.Now()
				f = open(t, store.Options{Dir: f.dir, Files: files, Patience: store.DefaultPatience})
				if d := time.Since(began); d > bearable {
					t.Errorf("the start took %v", d)
				}
				stalled(t, f)
				if h := f.Health(); !strings.Contains(h.Reason, "before this start") {
					t.Errorf("%+v", h)
				}
				f.Submit(sample("new", ""))
				raised := f.raisedAlerts(1)
				if got := f.records(); !cmp.Equal(raised, got) {
					t.Error(cmp.Diff(raised, got))
				}
				if _, err := f.Cursor("out"); !errors.Is(err, store.ErrUnread) {
					t.Errorf("the cursor is known: %v", err)
				}
				if err := f.SetCursor("out", raised[0].Seq); !errors.Is(err, store.ErrUnread) {
					t.Errorf("another cursor is taken: %v", err)
				}
				time.Sleep(time.Hour)
				release()
				f.await("health", func() bool { return f.Health().State == store.Healthy })
				if n := f.cursor("out"); n != old.Seq {
					t.Errorf("the cursor is %d, want %d", n, old.Seq)
				}
				if all, missed, err := f.Records(old.Seq, 10); err != nil || missed != 0 || !cmp.Equal(raised, all) {
					t.Errorf("%d missed, %v: %s", missed, err, cmp.Diff(raised, all))
				}
				if got := f.titles(store.Filter{}); len(got) != 2 {
					t.Errorf("found are %v", got)
				}
				if all := f.Silences(); len(all) != 1 || all[0].ID != silence.ID {
					t.Errorf("silences are %+v", all)
				}
			})
		})
	}
}

// TestWhileADiskDoesNotAnswerTheMemoryIsBounded, and what found no room is counted.
func TestWhileADiskDoesNotAnswerTheMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := &faulty.Files{Unsynced: true}
		f := open(t, store.Options{Files: files, Patience: store.DefaultPatience, Limits: store.Limits{MemoryBytes: 400_000, Burst: -1}})
		release := files.Hang(faulty.Sync)
		defer release()
		for i := range 2000 {
			f.Submit(sample("flood", fmt.Sprint("key ", i)))
		}
		f.Submit(sample("other", ""))
		f.await("the other one", func() bool { return len(f.titles(store.Filter{Rule: "other"})) == 1 })
		s := f.Stats()
		if n := len(f.titles(store.Filter{Limit: 5000})); s.WaitingSize > 400_000 || s.Dropped == 0 || s.Dropped+uint64(n) != 2001 {
			t.Errorf("%d are found: %+v", n, s)
		}
		release()
		f.await("lines on the disk", func() bool { return f.Stats().Waiting == 0 })
		if n := f.Stats().WaitingSize; n != 0 {
			t.Errorf("%d bytes are still charged", n)
		}
	})
}

// TestWhoReadsADeadDiskHasAnAnswer, and as many reads as it likes leave few behind.
func TestWhoReadsADeadDiskHasAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := &faulty.Files{Unsynced: true}
		f := open(t, store.Options{Files: files, Patience: store.DefaultPatience})
		f.Submit(sample("a", ""))
		id := f.raisedAlerts(1)[0].Alert.ID
		f.await("line", func() bool { return f.Stats().Alerts == 1 })
		release := files.Hang(faulty.Open, faulty.Read)
		defer release()
		for range 100 {
			if _, _, err := f.Records(0, 10); !errors.Is(err, store.ErrStalled) {
				t.Fatalf("records: %v", err)
			}
		}
		if _, _, err := f.Query(store.Filter{}); !errors.Is(err, store.ErrStalled) {
			t.Errorf("query: %v", err)
		}
		if _, err := f.Get(id); !errors.Is(err, store.ErrStalled) {
			t.Errorf("get: %v", err)
		}
		if n := files.Calls(faulty.Open); n > 100 {
			t.Errorf("%d files were to be opened", n)
		}
		if h := f.Health(); h.State != store.Degraded || !strings.Contains(h.Reason, "reads do not return") {
			t.Errorf("%+v", h)
		}
		release()
		f.await("health", func() bool { return f.Health().State == store.Healthy })
		if got := f.records(); len(got) != 1 {
			t.Errorf("%d records", len(got))
		}
	})
}

// TestAnOpenEndsWithItsContext, leaves nothing open, and does not blame the disk.
func TestAnOpenEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := &faulty.Files{Unsynced: true}
		release := files.Hang(faulty.Read, faulty.Mkdir)
		dir := filepath.Join(t.TempDir(), "data")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var logged strings.Builder
		log := slog.New(slog.NewTextHandler(&logged, nil))
		if _, err := store.Open(ctx, store.Options{Dir: dir, Files: files, Log: log}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("open: %v", err)
		}
		if logged.Len() > 0 {
			t.Errorf("it logs %s", logged.String())
		}
		release()
		synctest.Wait()
		open(t, store.Options{Dir: dir}) // nobody has it
	})
}

// TestADiskThatDoesNotAnswerDelaysNoStop.
func TestADiskThatDoesNotAnswerDelaysNoStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := &faulty.Files{Unsynced: true}
		dir := filepath.Join(t.TempDir(), "data")
		s, err := store.Open(t.Context(), store.Options{Dir: dir, Files: files, Log: discard})
		if err != nil {
			t.Fatal(err)
		}
		release := files.Hang(faulty.Sync)
		s.Submit(sample("during", ""))
		s.Submit(sample("later", ""))
		synctest.Wait()
		began := time.Now()
		if err := s.Close(); !errors.Is(err, store.ErrStalled) || !strings.Contains(err.Error(), "2 alerts") {
			t.Errorf("closed with %v", err)
		}
		if d := time.Since(began); d > 30*time.Second {
			t.Errorf("the close took %v", d)
		}
		release()
		synctest.Wait()
		f := open(t, store.Options{Dir: dir}) // what the disk has done in the end is there
		var titles []string
		for _, r := range f.records() {
			if r.Kind == alert.KindRaised {
				titles = append(titles, r.Alert.Rule.Title)
			}
		}
		if diff := cmp.Diff([]string{"during", "later"}, titles); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
