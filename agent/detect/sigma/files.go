package sigma

import (
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
)

// RuleFile is a file with rules.
type RuleFile struct {
	Path string
	Text []byte
	Err  error // it cannot be read
}

// maxRuleFiles bounds how many files are read, and maxRuleBytes their size together.
const (
	maxRuleFiles = 20_000
	maxRuleBytes = 64 << 20
)

var errTooMany = errors.New("it is left out: there are too many files of rules")

// ReadFiles reads the files that the paths name, and those below the folders that they
// name, see Places. There is an entry with an error for each path that cannot be read; with
// optional, not for one of the paths themselves that is not there.
func ReadFiles(paths []string, optional bool) (all []RuleFile) {
	bytes := 0
	var seen Folders
	for _, path := range paths {
		for p := range seen.Places(path) {
			f := RuleFile{Path: p.Path, Err: p.Err}
			switch {
			case p.Folder:
				continue
			case p.Err != nil:
				if optional && p.Path == path && errors.Is(p.Err, fs.ErrNotExist) {
					continue
				}
			case len(all) >= maxRuleFiles || bytes >= maxRuleBytes:
				f.Err = errTooMany
			default:
				f.Text, f.Err = readFile(p.Path)
				bytes += len(f.Text)
			}
			all = append(all, f)
		}
	}
	return all
}

// Place is a folder or a file of rules, or what cannot be looked at.
type Place struct {
	Path   string
	Folder bool
	Link   bool // a symbolic link leads to it
	Err    error
}

// Folders are those that were looked at: one that several paths or links lead to is looked
// at once. The zero Folders have none.
//
// One goroutine at a time.
type Folders struct{ seen map[folderID]bool }

type folderID struct{ dev, ino uint64 }

// first reports whether the folder is a new one.
func (f *Folders) first(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	id := folderID{uint64(s.Dev), s.Ino}
	if f.seen[id] {
		return false
	}
	if f.seen == nil {
		f.seen = map[folderID]bool{}
	}
	f.seen[id] = true
	return true
}

// Places yields a path, and where it is a folder what is below it, in the order of the
// names: folders, and files whose names end in .yml or .yaml. Symbolic links are followed.
// Names that begin with a dot are left out: editors write there first.
func (f *Folders) Places(path string) iter.Seq[Place] {
	return func(yield func(Place) bool) { f.walk(Place{Path: path}, true, yield) }
}

// walk yields p and what is below it. It returns false when yield did.
func (f *Folders) walk(p Place, named bool, yield func(Place) bool) bool {
	info, err := os.Stat(p.Path)
	switch {
	case err != nil:
		p.Err = err
		if !named && !p.Link && errors.Is(err, fs.ErrNotExist) || !named && !IsRuleFile(p.Path) && filepath.Ext(p.Path) != "" {
			return true // it was removed meanwhile, or is none of rules
		}
		return yield(p)
	case !info.IsDir():
		return !named && !IsRuleFile(p.Path) || yield(p)
	case !f.first(info):
		return true
	}
	p.Folder = true
	entries, err := os.ReadDir(p.Path)
	if !yield(p) {
		return false
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !yield(Place{Path: p.Path, Err: err}) {
		return false
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		inner := Place{Path: filepath.Join(p.Path, e.Name()), Link: e.Type()&fs.ModeSymlink != 0}
		if !inner.Link && !e.IsDir() && !IsRuleFile(inner.Path) {
			continue
		}
		if !f.walk(inner, false, yield) {
			return false
		}
	}
	return true
}

// IsRuleFile reports whether a file in a folder is one of rules, by its name.
func IsRuleFile(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".yml" || ext == ".yaml"
}

var errNotRegular = errors.New("not a regular file")

// readFile reads at most one byte more than a file may have.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular // to read a pipe would wait
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}

// AddPaths reads the files that the paths lead to, see Places. What cannot be read is a
// problem.
func (s *Set) AddPaths(paths []string, o Options) {
	for _, f := range ReadFiles(paths, false) {
		if f.Err != nil {
			s.Unread(f.Path, f.Err)
		} else {
			s.Add(f.Path, f.Text, o)
		}
	}
}

// AddPath is AddPaths with one path.
func (s *Set) AddPath(path string, o Options) { s.AddPaths([]string{path}, o) }

// Unread notes that a file cannot be read.
func (s *Set) Unread(name string, err error) {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	s.Problems = append(s.Problems, &document.Problem{File: name, Reason: "cannot be read: " + err.Error(), Kind: err})
}
