package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/daemoneye/eventbus/agent/alert/store"
)

// TestALinkInTheDirectoryLeadsToNoOtherFile: where others may write to the data directory
// that an operator chose, what they put there as the lock or the index changes no file of
// somebody else.
func TestALinkInTheDirectoryLeadsToNoOtherFile(t *testing.T) {
	for _, name := range []string{"lock", "index.db", "version.new"} {
		dir, other := t.TempDir(), filepath.Join(t.TempDir(), "other")
		if err := os.WriteFile(other, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(other, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if s, err := store.Open(t.Context(), store.Options{Dir: dir, Log: discard}); err == nil {
			s.Submit(typical(1))
			_ = s.Close() // the lock may keep it from opening the directory
		}
		if b, err := os.ReadFile(other); err != nil || string(b) != "precious" {
			t.Errorf("%s: the other file has %q, %v", name, b, err)
		}
	}
}
