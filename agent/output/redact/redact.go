package redact

import (
	"fmt"
	"regexp"
	"strings"
)

// Mark stands in the place of a secret.
const Mark = "[redacted]"

// Options configure a Redactor.
type Options struct {
	// Patterns are expressions of package regexp, beside the defaults. Of each match the
	// group called secret is replaced, else the first group, else all of it.
	Patterns []string
	// NoDefaults leaves the default patterns out.
	NoDefaults bool
}

// Redactor replaces secrets. Immutable.
type Redactor struct {
	guards   guards
	patterns []pattern
	names    uint64 // guards of the names of secrets; 0 without the defaults
	all      bool   // a pattern has no guards
}

// New makes a Redactor. The error names the pattern that is no expression.
func New(o Options) (*Redactor, error) {
	r := &Redactor{all: len(o.Patterns) > 0}
	if !o.NoDefaults {
		for _, w := range append([]string{whole}, words...) {
			r.names |= r.guards.add(guardOf(w))
		}
		for _, d := range defaults {
			var set uint64
			for _, g := range d.guards {
				set |= r.guards.add(g)
			}
			r.patterns = append(r.patterns, compiled(regexp.MustCompile(d.expr), set))
		}
	}
	for _, text := range o.Patterns {
		re, err := Compile(text)
		if err != nil {
			return nil, err
		}
		p := compiled(re, 0)
		if len(p.secrets) == 0 && re.NumSubexp() > 0 {
			p.secrets = []int{1}
		}
		r.patterns = append(r.patterns, p)
	}
	return r, nil
}

// guardOf returns a part of a word that is in all of its spellings.
func guardOf(word string) string {
	if i := strings.LastIndexAny(word, "_-"); i > 0 {
		return word[i+1:]
	}
	return word
}

// Compile reads a pattern of an operator.
func Compile(text string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", text, err)
	}
	if re.MatchString("") {
		return nil, fmt.Errorf("pattern %q: it matches the empty text", text)
	}
	return re, nil
}

// mayHave reports whether JSON can have a secret. Where an ASCII letter or a slash may be
// escaped, it can.
func (r *Redactor) mayHave(body string) bool {
	return r.all || len(r.patterns) > 0 && (r.guards.in(body) != 0 || strings.Contains(body, `\/`) || strings.Contains(body, `\u00`))
}
