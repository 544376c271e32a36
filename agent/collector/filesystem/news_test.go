package filesystem

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/event"
)

// rename gives a file another name, and has a record of its content come late, between the two.
func (f *fixture) rename(from, to string) {
	f.t.Helper()
	if err := os.Rename(from, to); err != nil {
		f.t.Fatal(err)
	}
	if len(f.waiting) == 0 {
		f.apply(&change{operations: event.OperationSet(event.OpModify), path: from, pidfd: -1})
	}
	f.apply(&change{operations: event.OperationSet(event.OpRename), path: to, previous: from, pidfd: -1})
}

// TestAProgramThatHasGoneBeforeARecordOfItIsRead has its end announced: it was known as a
// program.
func TestAProgramThatHasGoneBeforeARecordOfItIsRead(t *testing.T) {
	root, tr := watchedDir(t)
	tr.all, tr.executables = nil, tr.all
	f := newFixture(t, still{}, tr, root)
	path := filepath.Join(root, "x")
	f.write("x", "1")
	f.chmod("x", 0o755)
	f.apply(&change{operations: event.OperationSet(event.OpCreate), path: path, pidfd: -1})
	f.remove("x")
	f.apply(&change{closed: true, path: path, pidfd: -1})
	f.apply(&change{operations: event.OperationSet(event.OpDelete), path: path, pidfd: -1})
	if diff := cmp.Diff([]string{"create x", "delete x"}, f.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(f.index.files) != 0 {
		t.Errorf("%v is remembered", f.index.files)
	}
}

// TestOnlyNewsIsAnnounced goes through records that come late, twice, or for something
// that was seen already.
func TestOnlyNewsIsAnnounced(t *testing.T) {
	create, modify, attributes := event.OperationSet(event.OpCreate), event.OperationSet(event.OpModify), event.OperationSet(event.OpAttributes)
	tests := []struct {
		name  string
		story func(f *fixture, path string)
		want  []string
	}{
		{"a file is made, and its first content is news", func(f *fixture, path string) {
			f.write("x", "1")
			f.apply(&change{operations: create, path: path, pidfd: -1})
			f.apply(&change{operations: modify, path: path, pidfd: -1})
		}, []string{"create x", "modify x"}},
		{"the same content again is none", func(f *fixture, path string) {
			f.old = true
			f.write("x", "1")
			f.fill(t.Context())
			f.apply(&change{operations: modify, path: path, pidfd: -1})
			f.apply(&change{closed: true, path: path, pidfd: -1})
		}, nil},
		{"what was written through memory shows at the end", func(f *fixture, path string) {
			f.write("x", "1")
			f.fill(t.Context())
			f.write("x", "22")
			f.apply(&change{closed: true, path: path, pidfd: -1})
		}, []string{"modify x"}},
		{"a second content at once waits", func(f *fixture, path string) {
			f.write("x", "1")
			f.fill(t.Context())
			f.write("x", "22")
			f.apply(&change{operations: modify, path: path, pidfd: -1})
			f.write("x", "333")
			f.apply(&change{operations: modify, path: path, pidfd: -1})
			f.write("x", "4444")
			f.apply(&change{operations: modify, path: path, pidfd: -1})
			if len(f.waiting) != 1 {
				f.t.Errorf("%d files wait, want 1", len(f.waiting))
			}
			f.later(path)
			f.settle()
			f.settle()
		}, []string{"modify x", "modify x"}},
		{"a file that waits and is removed has its end only", func(f *fixture, path string) {
			f.write("x", "1")
			f.fill(t.Context())
			f.write("x", "22")
			f.apply(&change{operations: modify, path: path, pidfd: -1})
			f.write("x", "333")
			f.apply(&change{operations: modify, path: path, pidfd: -1})
			f.remove("x")
			f.apply(&change{operations: event.OperationSet(event.OpDelete), path: path, pidfd: -1})
			f.settle()
		}, []string{"modify x", "delete x"}},
		{"a content that waits has the name that the file has by then", func(f *fixture, path string) {
			f.write("x", "1")
			f.fill(t.Context())
			f.write("x", "22")
			f.apply(&change{operations: modify, path: path, pidfd: -1})
			f.write("x", "333")
			f.apply(&change{operations: modify, path: path, pidfd: -1})
			f.rename(path, path+"y")
			f.later(path + "y")
			f.settle()
			f.settle()
		}, []string{"modify x", "rename xy", "modify xy"}},
		{"a file that has left the trees before the records of it are read", func(f *fixture, path string) {
			f.write("x", "1")
			f.apply(&change{operations: create, path: path, pidfd: -1})
			f.rename(path, f.root+".out")
			_ = os.Remove(f.root + ".out")
			f.events[len(f.events)-1] = strings.ReplaceAll(f.events[len(f.events)-1], f.root, "")
		}, []string{"create x", "modify x", "rename .out"}},
		{"a record of what was found by looking", func(f *fixture, path string) {
			f.write("x", "1")
			f.apply(&change{operations: create, path: path, pidfd: -1, found: true})
			f.apply(&change{operations: create, path: path, pidfd: -1})
			f.remove("x")
			f.write("y", "1") // so that the number of x is in use
			f.write("x", "1")
			f.apply(&change{operations: create, path: path, pidfd: -1})
		}, []string{"create x inferred", "create x"}},
		{"a record of what was found by looking and has gone since", func(f *fixture, path string) {
			f.write("x", "1")
			f.apply(&change{operations: create, path: path, pidfd: -1, found: true})
			f.remove("x")
			f.apply(&change{operations: create, path: path, pidfd: -1})
			f.apply(&change{operations: create, path: path, pidfd: -1}) // of another file
			f.apply(&change{operations: event.OperationSet(event.OpDelete), path: path, pidfd: -1})
		}, []string{"create x inferred", "create x", "delete x"}},
		{"attributes that are known", func(f *fixture, path string) {
			f.old = true
			f.write("x", "1")
			f.fill(t.Context())
			f.apply(&change{operations: attributes, path: path, pidfd: -1})
		}, nil},
		{"attributes changed within the tick of the file", func(f *fixture, path string) {
			f.old, f.tick = true, 1_000_000_001
			f.write("x", "1")
			f.apply(&change{operations: create | modify, path: path, pidfd: -1})
			f.chmod("x", 0o755)
			f.apply(&change{operations: attributes, path: path, pidfd: -1})
			f.apply(&change{operations: attributes, path: path, pidfd: -1}) // late
		}, []string{"create x", "attributes x"}},
		{"attributes changed within the tick of the start", func(f *fixture, path string) {
			f.tick = 1_000_000_001
			f.write("x", "1")
			f.fill(t.Context())
			f.apply(&change{operations: attributes, path: path, pidfd: -1}) // such as a capability: it does not show
		}, []string{"attributes x"}},
		{"attributes that another record was read after", func(f *fixture, path string) {
			f.old = true
			f.write("x", "1")
			f.apply(&change{operations: create | modify, path: path, pidfd: -1})
			f.chmod("x", 0o755)
			f.apply(&change{closed: true, path: path, pidfd: -1})
			f.apply(&change{operations: attributes, path: path, pidfd: -1})
		}, []string{"create x", "attributes x"}},
		{"a content of the same size within the tick of the start", func(f *fixture, path string) {
			f.tick = 1_000_000_001
			f.write("x", "1")
			f.fill(t.Context())
			f.write("x", "2")
			f.apply(&change{operations: modify, path: path, pidfd: -1})
		}, []string{"modify x"}},
		{"a content of the same size within the tick of the one before", func(f *fixture, path string) {
			f.tick = 1_000_000_001
			f.write("x", "1")
			f.apply(&change{operations: create | modify, path: path, pidfd: -1})
			f.write("x", "2")
			f.apply(&change{operations: modify, path: path, pidfd: -1})
			f.later(path)
			f.settle()
		}, []string{"create x", "modify x"}},
		{"a content of the same size whose time was set back", func(f *fixture, path string) {
			f.old, f.tick = true, 1_000_000_001
			f.write("x", "1")
			f.fill(t.Context())
			f.write("x", "2")
			f.tick++
			now := f.look
			f.look = func(path string) (sight, bool) {
				s, exists := now(path)
				s.changedNs--
				return s, exists
			}
			f.apply(&change{operations: modify, path: path, pidfd: -1})
		}, []string{"modify x"}},
		{"a content that another record was read after", func(f *fixture, path string) {
			f.old = true
			f.write("x", "1")
			f.fill(t.Context())
			f.chmod("x", 0o755)
			f.write("x", "22")
			f.apply(&change{operations: attributes, path: path, pidfd: -1})
			f.apply(&change{operations: modify, path: path, pidfd: -1})
		}, []string{"attributes x", "modify x"}},
		{"somebody who set the time and closed wrote nothing", func(f *fixture, path string) {
			f.old, f.tick = true, 1_000_000_001
			f.write("x", "1")
			f.fill(t.Context())
			f.tick++
			f.apply(&change{operations: attributes, path: path, pidfd: -1})
			f.apply(&change{closed: true, path: path, pidfd: -1})
		}, []string{"attributes x"}},
		{"content and attributes that a loss hid", func(f *fixture, path string) {
			f.write("x", "1")
			f.fill(t.Context())
			f.write("x", "22")
			f.chmod("x", 0o755)
			f.resync("loss")
			if f.last.Operations != modify|attributes {
				f.t.Errorf("operations %b", f.last.Operations)
			}
		}, []string{"gap loss", "modify x inferred"}},
		{"a set of which all is news", func(f *fixture, path string) {
			f.write("x", "1")
			f.apply(&change{operations: create | modify | attributes, path: path, pidfd: -1})
		}, []string{"create x"}},
		{"a set of a file that has gone", func(f *fixture, path string) {
			f.apply(&change{operations: create | modify | event.OperationSet(event.OpDelete), path: path, pidfd: -1})
		}, []string{"delete x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, tr := watchedDir(t)
			f := newFixture(t, still{}, tr, root)
			tt.story(f, filepath.Join(root, "x"))
			if diff := cmp.Diff(tt.want, f.events); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
