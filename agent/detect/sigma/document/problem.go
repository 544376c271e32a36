package document

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of problems, for errors.Is.
var (
	ErrYAML      = errors.New("not YAML")
	ErrHead      = errors.New("bad rule")
	ErrSelection = errors.New("bad selection")
	ErrModifier  = errors.New("bad modifier")
	ErrValue     = errors.New("bad value")
	ErrCondition = errors.New("bad condition")
	ErrDuplicate = errors.New("duplicate")
	ErrReference = errors.New("no such rule")
	ErrLimit     = errors.New("too large")
)

// Problem is what is wrong with a rule, or, as a warning, what its author likely
// did not mean.
type Problem struct {
	File    string
	Line    int    // 0 where there is none
	Column  int    // 0 where there is none
	Rule    string // its title, or else its id; empty if it is not known
	Reason  string
	Near    string // the nearest right spelling, if there is one
	Warning bool   // the rule is read all the same
	Kind    error  // one of the errors above
}

// Error returns the problem on one line.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Column)
		}
	}
	if p.Rule != "" {
		fmt.Fprintf(&b, ": %s", p.Rule)
	}
	fmt.Fprintf(&b, ": %s", p.Reason)
	if p.Near != "" {
		fmt.Fprintf(&b, " (nearest: %s)", p.Near)
	}
	return b.String()
}

// Unwrap returns the kind.
func (p *Problem) Unwrap() error { return p.Kind }

// Shorten makes a text of a rule fit to stand in a message.
func Shorten(s string) string {
	const most = 60
	runes := []rune(s)
	if len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
