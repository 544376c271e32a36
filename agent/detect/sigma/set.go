package sigma

import (
	"fmt"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/detect/sigma/item"
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
	room  *item.Room       // nil before the first file
	known []string         // ids and names, once they are needed
	meant int              // how many wrong names were looked up among them
}

// Add reads a file that is in memory. A rule whose id or name another one has
// already is a problem, and is left out.
func (s *Set) Add(name string, text []byte, o Options) {
	if s.room == nil {
		s.room = item.NewRoom(maxExpanded)
	}
	o.room = s.room
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

// Finish makes one of what the files hold: it applies filters, and finds what
// correlations count. It comes once, after all files.
func (s *Set) Finish() {
	s.applyFilters()
	s.resolve()
	s.known = nil
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
