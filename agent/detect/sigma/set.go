package sigma

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/spelling"
)

// Set is what a number of files holds. The zero Set is empty. Files are added, and
// Finish then makes one of what they hold.
//
// One goroutine at a time.
type Set struct {
	Rules        []*Rule
	Filters      []*Filter
	Correlations []*Correlation
	Problems     []*document.Problem // warnings too
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
			s.Problems = append(s.Problems, &document.Problem{
				File: h.File, Line: h.Line, Rule: h.Label(), Kind: document.ErrDuplicate,
				Reason: fmt.Sprintf("%s %s is that of %s (%s:%d) already", k[0], k[1], document.Shorten(first.head.Label()), first.head.File, first.head.Line),
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
		if d.IsDir() || name != root && !IsRuleFile(name) {
			return nil
		}
		text, err := ReadFile(name)
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

// IsRuleFile reports whether a file with that name has rules.
func IsRuleFile(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".yml" || ext == ".yaml"
}

var errNotRegular = errors.New("not a regular file")

// ReadFile reads at most one byte more than a file may have.
func ReadFile(name string) ([]byte, error) {
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
	s.Problems = append(s.Problems, &document.Problem{File: name, Reason: "cannot be read: " + err.Error(), Kind: err})
}

// Finish makes one of what the files hold: it applies filters, and finds what
// correlations count. It comes once, after all files.
func (s *Set) Finish() {
	s.applyFilters()
	s.resolve()
}

// named is a document that others can name.
type named struct {
	head        *Head
	rule        *Rule
	correlation *Correlation
}

func (s *Set) named(name string) (named, bool) {
	n, ok := s.first["id "+name]
	if !ok {
		n, ok = s.first["name "+name]
	}
	return n, ok
}

func (s *Set) names() (all []string) {
	for key := range s.first {
		_, name, _ := strings.Cut(key, " ")
		all = append(all, name)
	}
	return document.Sorted(all)
}

// resolve finds the members of correlations. One that names what is not there, or
// that counts itself through others, is a problem and left out, and so is what counts
// on it.
func (s *Set) resolve() {
	left := map[*Correlation]bool{}
	drop := func(c *Correlation, reason, near string) {
		s.problem(&c.Head, reason, near)
		left[c] = true
	}
	for _, c := range s.Correlations {
		for _, name := range c.Rules {
			n, ok := s.named(name)
			if !ok {
				drop(c, "the correlation is of "+document.Shorten(name)+", and no rule has that id or name", spelling.Nearest(name, s.names()))
				break
			}
			c.Members = append(c.Members, &Member{Name: name, Rule: n.rule, Correlation: n.correlation})
		}
	}
	for _, c := range s.Correlations {
		if !left[c] && c.reaches(c, map[*Correlation]bool{}) {
			drop(c, "the correlation counts itself, by way of those that it names", "")
		}
	}
	for again := true; again; {
		again = false
		for _, c := range s.Correlations {
			for _, m := range c.Members {
				if !left[c] && left[m.Correlation] {
					drop(c, "the correlation is of "+document.Shorten(m.Name)+", which is not read", "")
					again = true
				}
			}
		}
	}
	s.Correlations = slices.DeleteFunc(s.Correlations, func(c *Correlation) bool { return left[c] })
	for _, c := range s.Correlations {
		c.quiet()
	}
}

// reaches reports whether c counts target, itself or by way of others.
func (c *Correlation) reaches(target *Correlation, seen map[*Correlation]bool) bool {
	for _, m := range c.Members {
		if m.Correlation == nil {
			continue
		}
		if m.Correlation == target {
			return true
		}
		if !seen[m.Correlation] {
			seen[m.Correlation] = true
			if m.Correlation.reaches(target, seen) {
				return true
			}
		}
	}
	return false
}

// quiet keeps the members from raising alerts of their own, unless the correlation
// generates them.
func (c *Correlation) quiet() {
	if c.Generate {
		return
	}
	for _, m := range c.Members {
		if m.Rule != nil {
			m.Rule.Silent = true
		} else {
			m.Correlation.Silent = true
		}
	}
}
