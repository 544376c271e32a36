// Package redact replaces values in command lines, such as passwords, before an event is
// made. It is for hosts on which not even the agent's own bus may have them: rules do not
// see what was replaced, and so there is no pattern by default.
package redact

import (
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"
)

// Patterns are the settings of a redactor, as a collector has them among its own.
type Patterns struct {
	// Redact are regular expressions, which take linear time. What the groups of a
	// pattern match is replaced, and the whole match where it has no group. They see the
	// arguments of a command line with one space between two.
	Redact []string `json:"redact"`
}

// Bounds of Patterns.
const (
	MaxPatterns = 64
	MaxPattern  = 256 // bytes
)

// replacement stands for each value, whatever its length.
const replacement = "*****"

// maxKnown bounds the texts that are remembered. All are forgotten then.
const maxKnown = 1024

// Redactor replaces values. A nil Redactor replaces nothing.
//
// Safe for concurrent use.
type Redactor struct{ patterns atomic.Pointer[patterns] }

// patterns are those of one configuration.
type patterns struct {
	all []*regexp.Regexp // immutable

	mu    sync.Mutex
	known map[string]string // guarded by mu: texts that came before, as they are now
	line  []byte            // guarded by mu
	hide  []bool            // guarded by mu, by byte of line
}

// New makes a redactor. It fails for what is no regular expression.
func New(p Patterns) (*Redactor, error) {
	s := &patterns{known: make(map[string]string)}
	for _, text := range p.Redact {
		if text == "" {
			continue
		}
		if len(text) > MaxPattern {
			return nil, fmt.Errorf("pattern of %d bytes: want at most %d", len(text), MaxPattern)
		}
		re, err := regexp.Compile(text)
		if err != nil {
			return nil, err
		}
		s.all = append(s.all, re)
	}
	if len(s.all) > MaxPatterns {
		return nil, fmt.Errorf("%d patterns: want at most %d", len(s.all), MaxPatterns)
	}
	r := new(Redactor)
	r.patterns.Store(s)
	return r, nil
}

// Adopt has r replace what o does from now on.
func (r *Redactor) Adopt(o *Redactor) { r.patterns.Store(o.patterns.Load()) }

// Text returns a command line, in which each argument ends with a NUL, with the values
// replaced, and whether there was any.
func (r *Redactor) Text(s string) (string, bool) {
	if r == nil || s == "" {
		return s, false
	}
	p := r.patterns.Load()
	if len(p.all) == 0 {
		return s, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now, known := p.known[s]
	if !known {
		if len(p.known) >= maxKnown {
			clear(p.known)
		}
		now = p.replace(s)
		p.known[s] = now
	}
	return now, now != s
}

func (r *patterns) replace(s string) string {
	r.line, r.hide = append(r.line[:0], s...), append(r.hide[:0], make([]bool, len(s))...)
	for i, b := range r.line {
		if b == 0 {
			r.line[i] = ' '
		}
	}
	found := false
	for _, re := range r.all {
		for _, m := range re.FindAllSubmatchIndex(r.line, -1) {
			if len(m) > 2 {
				m = m[2:]
			}
			for ; len(m) > 0; m = m[2:] {
				for i := m[0]; i < m[1] && i >= 0; i++ {
					r.hide[i], found = true, true
				}
			}
		}
	}
	if !found {
		return s
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		switch {
		case !r.hide[i]:
			out = append(out, s[i])
		case i == 0 || !r.hide[i-1]:
			out = append(out, replacement...)
		}
	}
	return string(out)
}
