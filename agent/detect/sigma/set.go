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
	Rules        []*Rule
	Filters      []*Filter
	Correlations []*Correlation
	Problems     []*Problem // warnings too
	Files        int

	first map[string]named // by "id " and id, and by "name " and name
}

// Add reads a file that is in memory. A rule whose id or name another one has
// already is a problem, and is left out.
func (s *Set) Add(name string, text []byte, o Options) {
	f := Parse(name, text, o)
	s.Files++
	s.Problems = append(s.Problems, f.Problems...)
	s.Filters = append(s.Filters, f.Filters...)
	for _, r := range f.Rules {
		if s.unique(named{head: &r.Head, rule: r}) {
			s.Rules = append(s.Rules, r)
		}
	}
	for _, c := range f.Correlations {
		if s.unique(named{head: &c.Head, correlation: c}) {
			s.Correlations = append(s.Correlations, c)
		}
	}
}

// unique notes the id and the name of a document, and reports whether no other one has
// them.
func (s *Set) unique(n named) bool {
	if s.first == nil {
		s.first = map[string]named{}
	}
	h := n.head
	keys := [][2]string{{"id", h.ID}, {"name", h.Name}}
	for _, k := range keys {
		if first, ok := s.first[k[0]+" "+k[1]]; ok && k[1] != "" {
			s.Problems = append(s.Problems, &Problem{
				File: h.File, Line: h.Line, Rule: h.Label(), Kind: ErrDuplicate,
				Reason: fmt.Sprintf("%s %s is that of %s (%s:%d) already", k[0], k[1], shorten(first.head.Label()), first.head.File, first.head.Line),
			})
			return false
		}
	}
	for _, k := range keys {
		if k[1] != "" {
			s.first[k[0]+" "+k[1]] = n
		}
	}
	return true
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
