package store_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/alert/journal/faulty"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

// TestAnAlertThatGetsAnotherNumberIsFound: a clock that stands before its time gives numbers
// that the directory, which comes later, has already.
func TestAnAlertThatGetsAnotherNumberIsFound(t *testing.T) {
	files := &faulty.Files{}
	f := open(t, store.Options{Files: files})
	f.Submit(sample("old", "key"))
	f.Submit(sample("old 2", ""))
	f.raisedAlerts(2)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	dir := f.dir
	files.Fail(unix.EIO, faulty.Open)
	clock := &hands{at: began.AddDate(-60, 0, 0)} // before 1970: the first number is 1
	f = open(t, store.Options{Dir: dir, Files: files, Now: clock.now})
	f.Submit(sample("new", ""))
	id := f.raisedAlerts(1)[0].Alert.ID
	if err := f.Note(t.Context(), id, "alice", "seen"); err != nil {
		t.Fatal(err)
	}
	files.Fail(nil, faulty.Open)
	f.await("health", func() bool { return f.Health().State == store.Healthy })
	if a, err := f.Get(id); err != nil || len(a.Notes) != 1 {
		t.Errorf("%+v: %v", a, err)
	}
	if got := f.titles(store.Filter{}); len(got) != 3 {
		t.Errorf("found are %v", got)
	}
	if got := f.records(); len(got) != 4 || got[3].Seq != 4 {
		t.Errorf("records are %+v", got)
	}
	if err := f.Check(); err != nil {
		t.Error(err)
	}
}
