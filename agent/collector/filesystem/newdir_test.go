package filesystem

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/event"
)

// full is a source that has no room for another directory.
type full struct{ still }

func (full) complete() bool     { return false }
func (full) watch(string) error { return fmt.Errorf("watch: %w", errWatches) }

// TestALimitOfWatchesIsAnnouncedOnce: what is in the directory at the moment is found all
// the same.
func TestALimitOfWatchesIsAnnouncedOnce(t *testing.T) {
	root, tr := watchedDir(t)
	f := newFixture(t, full{}, tr, root)
	for _, dir := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
		f.write(dir+"/x", "1")
		f.apply(&change{operations: event.OperationSet(event.OpCreate), path: filepath.Join(root, dir), directory: true, pidfd: -1})
	}
	want := []string{
		"gap directories: not all are watched: watch: fs.inotify.max_user_watches is reached", "create a", "create a/x inferred", "create b", "create b/x inferred",
	}
	if diff := cmp.Diff(want, f.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// noting is a source that is not complete, and notes what it is to watch.
type noting struct {
	partial
	f *fixture
}

func (n noting) watch(dir string) error {
	n.f.note("watch " + filepath.Base(dir))
	return nil
}

// TestANewDirectoryIsWatchedBeforeItsEvent: who gets the event may make files in it that are
// gone at once.
func TestANewDirectoryIsWatchedBeforeItsEvent(t *testing.T) {
	root, tr := watchedDir(t)
	f := newFixture(t, nil, tr, root)
	f.source = noting{f: f}
	if err := os.Mkdir(filepath.Join(root, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	f.write("a/x", "1")
	f.apply(&change{operations: event.OperationSet(event.OpCreate), path: filepath.Join(root, "a"), directory: true, pidfd: -1})
	if diff := cmp.Diff([]string{"watch a", "create a", "create a/x inferred"}, f.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestANewDirectoryIsLookedIntoTwice, where the source does not watch it from the start: a
// file of which no record came is found at the second look.
func TestANewDirectoryIsLookedIntoTwice(t *testing.T) {
	root, tr := watchedDir(t)
	f := newFixture(t, partial{}, tr, root)
	if err := os.Mkdir(filepath.Join(root, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	f.apply(&change{operations: event.OperationSet(event.OpCreate), path: filepath.Join(root, "a"), directory: true, pidfd: -1})
	f.write("a/x", "1")
	for f.settle() {
	}
	f.apply(&change{operations: event.OperationSet(event.OpCreate), path: filepath.Join(root, "a/x"), pidfd: -1}) // late
	if diff := cmp.Diff([]string{"create a", "create a/x inferred"}, f.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// partial is a source that does not watch a directory before it was made.
type partial struct{ still }

func (partial) complete() bool { return false }
