package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

func TestMain(m *testing.M) {
	if os.Getenv(crashEnv) != "" {
		crashChild()
	}
	goleak.VerifyTestMain(m)
}

// discard takes logs that no test looks at.
var discard = slog.New(slog.DiscardHandler)

// guard is how long a test waits for what must happen.
const guard = 30 * time.Second

// fixture is a store with what it raised.
type fixture struct {
	*store.Store
	t   *testing.T
	dir string

	mu     sync.Mutex
	raised []alert.Record // guarded by mu
}

func open(t *testing.T, o store.Options) *fixture {
	t.Helper()
	f := &fixture{t: t}
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "data")
	}
	f.dir = o.Dir
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Patience == 0 {
		o.Patience = guard // no test depends on how fast the machine is
	}
	o.OnRaised = func(r alert.Record) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.raised = append(f.raised, r)
	}
	var err error
	if f.Store, err = store.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Store.Close(); err != nil && !t.Failed() {
			t.Error(err)
		}
	})
	return f
}

// raisedAlerts waits until n alerts were raised, and returns their records.
func (f *fixture) raisedAlerts(n int) []alert.Record {
	f.t.Helper()
	f.await(fmt.Sprintf("%d alerts", n), func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.raised) >= n
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]alert.Record(nil), f.raised...)
}

func (f *fixture) await(what string, ok func() bool) {
	f.t.Helper()
	for end := time.Now().Add(guard); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			f.t.Fatalf("no %s after %v: %+v, %+v", what, guard, f.Health(), f.Stats())
		}
	}
}

// records returns all records that there are.
func (f *fixture) records() []alert.Record {
	f.t.Helper()
	all, _, err := f.Records(0, 1<<20)
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}

// cursor and setCursor are those of a store that could be read.
func (f *fixture) cursor(output string) uint64 {
	f.t.Helper()
	seq, err := f.Cursor(output)
	if err != nil {
		f.t.Error(err)
	}
	return seq
}

func (f *fixture) setCursor(output string, seq uint64) {
	f.t.Helper()
	if err := f.SetCursor(output, seq); err != nil {
		f.t.Error(err)
	}
}

// titles lists the alerts of a query by title and count.
func (f *fixture) titles(q store.Filter) (all []string) {
	f.t.Helper()
	alerts, _, err := f.Query(q)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, a := range alerts {
		all = append(all, fmt.Sprintf("%s %d %s", a.Rule.Title, a.Count, a.Status))
	}
	return all
}

var began = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// sample is an alert of a rule. Without a key it is a repeat of none.
func sample(rule, key string) *alert.Alert {
	a := &alert.Alert{
		First: began, Last: began, Rule: alert.Rule{ID: "id of " + rule, Title: rule, Level: alert.High, Tags: []string{"attack.t1059"}},
		Host: alert.Host{Name: "web1", ID: "h1"}, Labels: map[string]string{"env": "prod"}, DedupKey: key,
		Event:   json.RawMessage(`{"process":{"name":"bash","pid":42,"command_line":"bash -i of ` + rule + `"}}`),
		Context: []json.RawMessage{json.RawMessage(`{"process":{"name":"sshd"}}`)},
	}
	if key != "" {
		a.FoldFor = time.Hour
	}
	return a
}

func TestAnAlertIsRaisedAndFound(t *testing.T) {
	f := open(t, store.Options{})
	for i := range 5 {
		f.Submit(sample(fmt.Sprintf("rule %d", i), ""))
	}
	raised := f.raisedAlerts(5)
	for i, r := range raised {
		if r.Kind != alert.KindRaised || r.Alert.Rule.Title != fmt.Sprintf("rule %d", i) || i > 0 && r.Seq <= raised[i-1].Seq {
			t.Errorf("record %d is %s %q, number %d", i, r.Kind, r.Alert.Rule.Title, r.Seq)
		}
		if a := r.Alert; a.Status != alert.Open || a.Count != 1 || a.Raised.IsZero() || a.ID == (alert.ID{}) {
			t.Errorf("it has %+v", a)
		}
	}
	if diff := cmp.Diff(raised, f.records()); diff != "" {
		t.Errorf("records (-OnRaised +Records):\n%s", diff)
	}
	got, err := f.Get(raised[2].Alert.ID)
	if diff := cmp.Diff(raised[2].Alert, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if h := f.Health(); h.State != store.Healthy {
		t.Errorf("health is %+v", h)
	}
}

// TestAllIsThereAfterAReopen: alerts, counts, changes, notes, silences, cursors.
func TestAllIsThereAfterAReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	f := open(t, store.Options{Dir: dir})
	for _, rule := range []string{"a", "b", "c", "d"} {
		f.Submit(sample(rule, "key of "+rule))
	}
	ids := map[string]alert.ID{}
	for _, r := range f.raisedAlerts(4) {
		ids[r.Alert.Rule.Title] = r.Alert.ID
	}
	f.Submit(sample("a", "key of a"))
	f.Submit(sample("a", "key of a"))
	ctx := t.Context()
	silence, err := f.Silence(ctx, alert.Silence{Reason: "testing", By: "alice", Until: time.Now().Add(time.Hour), Match: []alert.Condition{{Field: "rule.title", Value: "x*"}}})
	for _, err := range []error{
		err, f.Ack(ctx, ids["a"], "alice", "on it"), f.CloseAlert(ctx, ids["b"], "bob", ""), f.CloseAlert(ctx, ids["c"], "bob", "wrong"),
		f.Reopen(ctx, ids["c"], "alice", "right"), f.Note(ctx, ids["d"], "carol", "look"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f.setCursor("file", 3)
	before, want := f.records(), f.titles(store.Filter{})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open(t, store.Options{Dir: dir})
	if diff := cmp.Diff([]string{"d 1 open", "c 1 open", "b 1 closed", "a 3 acknowledged"}, f.titles(store.Filter{})); diff != "" {
		t.Errorf("before the close they were %v: %s", want, diff)
	}
	if diff := cmp.Diff(before, f.records()); diff != "" {
		t.Errorf("records (-before +after):\n%s", diff)
	}
	if all := f.Silences(); len(all) != 1 || !cmp.Equal(all[0], silence) {
		t.Errorf("silences are %+v", all)
	}
	if n := f.cursor("file"); n != 3 {
		t.Errorf("the cursor is %d", n)
	}
	c, err := f.Get(ids["c"])
	if err != nil || len(c.Notes) != 2 || c.Notes[0].Text != "wrong" || c.Notes[1].By != "alice" || c.Event == nil {
		t.Errorf("c is %+v: %v", c, err)
	}
	// What counted before counts on, and a closed one is raised anew.
	f.Submit(sample("a", "key of a"))
	f.Submit(sample("b", "key of b"))
	f.Submit(sample("c", "key of c"))
	f.raisedAlerts(1)
	f.await("counts", func() bool {
		return cmp.Equal([]string{"b 1 open", "d 1 open", "c 2 open", "b 1 closed", "a 4 acknowledged"}, f.titles(store.Filter{}))
	})
}

func TestWaitReturnsWithARecord(t *testing.T) {
	f := open(t, store.Options{})
	done := make(chan error, 1)
	go func() { done <- f.Wait(t.Context(), 0) }()
	f.Submit(sample("a", ""))
	if err := <-done; err != nil {
		t.Error(err)
	}
	last := f.records()[0].Seq
	f.setCursor("x", last)
	f.await("line of the cursor", func() bool { return f.Stats().Last > last })
	// The line of a cursor is no record: whoever waits must not turn round for it.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := f.Wait(ctx, last); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it waited, and got %v", err)
	}
	go func() { done <- f.Wait(t.Context(), last) }()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, store.ErrClosed) {
		t.Errorf("the end of the store ends it with %v", err)
	}
	if _, _, err := f.Records(0, 1); !errors.Is(err, store.ErrClosed) {
		t.Errorf("records of a closed store: %v", err)
	}
	f.Submit(sample("late", "")) // which does nothing
}

// TestRecordsComeInPieces as an output reads them.
func TestRecordsComeInPieces(t *testing.T) {
	f := open(t, store.Options{})
	for i := range 25 {
		f.Submit(sample(fmt.Sprint("rule ", i), ""))
	}
	f.raisedAlerts(25)
	var got []alert.Record
	for after := uint64(0); ; {
		some, missed, err := f.Records(after, 10)
		if err != nil || missed != 0 || len(some) > 10 {
			t.Fatal(missed, err)
		}
		if len(some) == 0 {
			break
		}
		got, after = append(got, some...), some[len(some)-1].Seq
	}
	if diff := cmp.Diff(f.records(), got); diff != "" || len(got) != 25 {
		t.Error(len(got), diff)
	}
}

func TestWhoReadsTooLateLearnsHowMuchItMissed(t *testing.T) {
	f := open(t, store.Options{SegmentBytes: 8_000, Limits: store.Limits{MaxBytes: 40_000, Burst: -1}})
	n := 200
	for i := range n {
		f.Submit(sample(fmt.Sprint("rule ", i), ""))
		f.raisedAlerts(i + 1)
	}
	all, missed, err := f.Records(10, 1000)
	if err != nil || missed == 0 || uint64(len(all))+missed != uint64(n)-10 {
		t.Errorf("%d records, %d missed: %v", len(all), missed, err)
	}
	if s := f.Stats(); s.Bytes > 48_000 {
		t.Errorf("%d bytes stay", s.Bytes)
	}
	// The index and a query have the same as the journal.
	if got := f.titles(store.Filter{Limit: 1000}); len(got) != len(all) {
		t.Errorf("%d alerts are found, %d are in the journal", len(got), len(all))
	}
	if err := f.Check(); err != nil {
		t.Error(err)
	}
}

func TestADirectoryHasOneStore(t *testing.T) {
	f := open(t, store.Options{})
	_, err := store.Open(t.Context(), store.Options{Dir: f.dir})
	var used *store.InUseError
	if !errors.As(err, &used) || used.PID != os.Getpid() {
		t.Errorf("a second one opens: %v", err)
	}
}

func TestADirectoryOfALaterVersionIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	text := `{"what":"daemoneye alerts","version":2,"crc":"6a8b5f3f"}`
	write := func() {
		if err := os.WriteFile(filepath.Join(dir, "version"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text = store.VersionText(2)
	write()
	_, err := store.Open(t.Context(), store.Options{Dir: dir})
	if !errors.Is(err, store.ErrNewer) {
		t.Errorf("it opens: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "journal")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was made in it: %v", err)
	}
	text = "{" // no version, but damage
	write()
	f := open(t, store.Options{Dir: dir})
	if s := f.Stats(); len(s.Mended) != 1 {
		t.Errorf("%+v", s)
	}
}
