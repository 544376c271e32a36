package sigma

import (
	"slices"
	"strings"
)

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
	return sorted(all)
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
				drop(c, "the correlation is of "+shorten(name)+", and no rule has that id or name", Nearest(name, s.names()))
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
					drop(c, "the correlation is of "+shorten(m.Name)+", which is not read", "")
					again = true
				}
			}
		}
	}
	s.Correlations = slices.DeleteFunc(s.Correlations, func(c *Correlation) bool { return left[c] })
	for _, c := range s.Correlations {
		c.silence()
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

// silence keeps the members from raising alerts of their own, unless the correlation
// says otherwise.
func (c *Correlation) silence() {
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
