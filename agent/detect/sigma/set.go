package sigma

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Set is what a number of files holds. The zero Set is empty. Files are added, and
// Finish then makes one of what they hold.
//
// One goroutine at a time.
type Set struct {
	Rules    []*Rule
	Filters  []*Filter
	Problems []*Problem // warnings too
	Files    int

	first map[string]*Rule // by id and by name
}

// Finish applies what some documents say of others. It comes once, after all files.
func (s *Set) Finish() { s.applyFilters() }

// Add reads a file that is in memory. A rule whose id or name another one has
// already is a problem, and is left out.
func (s *Set) Add(name string, text []byte, o Options) {
	f := Parse(name, text, o)
	s.Files++
	s.Problems = append(s.Problems, f.Problems...)
	if s.first == nil {
		s.first = map[string]*Rule{}
	}
	s.Filters = append(s.Filters, f.Filters...)
	for _, r := range f.Rules {
		if s.unique(r, "id", r.ID) && s.unique(r, "name", r.Name) {
			s.Rules = append(s.Rules, r)
			for _, key := range []string{"id " + r.ID, "name " + r.Name} {
				s.first[key] = r
			}
		}
	}
}

func (s *Set) unique(r *Rule, what, word string) bool {
	first := s.first[what+" "+word]
	if word == "" || first == nil {
		return true
	}
	s.Problems = append(s.Problems, &Problem{
		File: r.File, Line: r.Line, Rule: r.Label(), Kind: ErrDuplicate,
		Reason: fmt.Sprintf("%s %s is that of %s (%s:%d) already", what, word, shorten(first.Label()), first.File, first.Line),
	})
	return false
}

// AddPath reads a file, or each file below a directory that ends in .yml or .yaml,
// in the order of their names. What cannot be read is a problem.
func (s *Set) AddPath(path string, o Options) {
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		s.unread(path, err)
		return
	}
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			s.unread(name, err)
			return nil
		}
		if d.IsDir() || name != root && !isRuleFile(name) {
			return nil
		}
		text, err := readFile(name)
		if err != nil {
			s.unread(name, err)
			return nil
		}
		s.Add(filepath.Join(path, strings.TrimPrefix(name, root)), text, o)
		return nil
	})
	if err != nil {
		s.unread(path, err)
	}
}

func isRuleFile(name string) bool {
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
		return nil, errNotRegular // reading a pipe would wait
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}

func (s *Set) unread(name string, err error) {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	s.Problems = append(s.Problems, &Problem{File: name, Reason: "cannot be read: " + err.Error(), Kind: err})
}
