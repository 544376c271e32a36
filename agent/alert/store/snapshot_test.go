package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

// TestADirectoryCanBeReadWithoutAStore, and reading changes nothing in it.
func TestADirectoryCanBeReadWithoutAStore(t *testing.T) {
	f := open(t, store.Options{})
	f.Submit(sample("a", "key"))
	f.Submit(sample("b", ""))
	f.Submit(sample("a", "key"))
	f.raisedAlerts(2)
	if _, err := f.Silence(t.Context(), alert.Silence{Reason: "x", Until: time.Now().Add(time.Hour), Match: []alert.Condition{{Field: "rule.id", Value: "x"}}}); err != nil {
		t.Fatal(err)
	}
	var used *store.InUseError
	if _, err := store.ReadDir(f.dir); !errors.As(err, &used) || used.PID != os.Getpid() {
		t.Errorf("beside a store: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	before := tree(t, f.dir)
	s, err := store.ReadDir(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	all, more, err := s.Query(store.Filter{Text: "BASH -i of a"})
	if err != nil || more || len(all) != 1 || all[0].Count != 2 || all[0].Rule.Title != "a" {
		t.Errorf("%+v: %v", all, err)
	}
	if len(s.Silences()) != 1 || s.Warnings != nil {
		t.Errorf("%v, %v", s.Silences(), s.Warnings)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, tree(t, f.dir)); diff != "" {
		t.Error(diff)
	}
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if _, err := store.ReadDir(dir); !errors.Is(err, store.ErrNoStore) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// tree returns all files below dir with their contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	if err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = string(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}
