package sigma

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
)

// Filter is an exception to rules that stands apart from them: its condition has to
// hold besides that of each rule that it is for. To leave something out, the
// condition of a filter begins with not.
type Filter struct {
	Head
	Body
	Any   bool     // it is for all rules of its log source
	Rules []string // ids or names of those that it is for, otherwise
}

// filter reads what is below the key filter.
func (p *parser) filter(n *yaml.Node, f *Filter) {
	if n.Kind != yaml.MappingNode {
		p.Fail(n, document.ErrHead, "a filter is a map, and here is a "+document.NodeKind(n))
		return
	}
	entries, _ := p.Entries(n)
	at := slices.IndexFunc(entries, func(e document.Entry) bool { return e.Key.Value == "rules" })
	if at < 0 {
		p.Fail(n, document.ErrHead, "a filter has rules that it is for, or any, and this one has none")
		return
	}
	rules := entries[at].Value
	f.Rules = p.words(rules)
	if f.Any = len(f.Rules) == 0 || rules.Kind == yaml.ScalarNode && rules.Value == "any"; f.Any {
		f.Rules = nil
	}
	p.body(n, slices.Delete(entries, at, at+1), &f.Body)
}

// covers reports whether the filter's log source is that of the rule, or a wider one.
func (f *Filter) covers(r *Rule) bool {
	a, b := f.LogSource, r.LogSource
	same := func(x, y string) bool { return x == "" || x == y }
	return same(a.Category, b.Category) && same(a.Product, b.Product) && same(a.Service, b.Service)
}

// apply adds the condition of a filter to that of a rule.
func (f *Filter) apply(r *Rule) {
	all, ok := r.Condition.(expr.And)
	if len(r.Filters) == 0 || !ok {
		all = expr.And{r.Condition}
	}
	r.Condition = append(all, f.Condition)
	r.Filters = append(r.Filters, f)
}

// maxSpread is how many values filters may add to the rules of a set, each time that they
// are added: an engine keeps about 100 bytes for each.
const maxSpread = 500_000

// applyFilters applies the filters of the set to its rules. A filter for a rule that
// there is not, or that is of another log source, is a problem.
func (s *Set) applyFilters() {
	left := maxSpread
	for _, f := range s.Filters {
		rules := s.filteredBy(f)
		size := 0
		expr.Walk(f.Condition, func(*expr.Atom) { size++ })
		if size *= len(rules); size > left {
			s.problem(&f.Head, fmt.Sprintf("the filter is left out: with the ones before, filters add more than %d values to the rules", maxSpread), "")
			continue
		}
		left -= size
		for _, r := range rules {
			f.apply(r)
		}
	}
}

// filteredBy returns the rules that a filter is for.
func (s *Set) filteredBy(f *Filter) (rules []*Rule) {
	if f.Any {
		for _, r := range s.Rules {
			if f.covers(r) {
				rules = append(rules, r)
			}
		}
		return rules
	}
	seen := map[*Rule]bool{}
	for _, name := range f.Rules {
		n, _ := s.named(name)
		r := n.rule
		switch {
		case r == nil:
			s.problem(&f.Head, "the filter is for "+document.Shorten(name)+", and no rule has that id or name", s.nearest(name))
		case !f.covers(r):
			s.problem(&f.Head, "the filter is for "+document.Shorten(r.Label())+", which is of another log source", "")
		case !seen[r]: // it was not named before
			seen[r] = true
			rules = append(rules, r)
		}
	}
	return rules
}

func (s *Set) problem(h *Head, reason, near string) {
	s.Problems = append(s.Problems, &document.Problem{File: h.File, Line: h.Line, Rule: h.Label(), Reason: reason, Near: near, Kind: document.ErrReference})
}
