package expr

import (
	"strings"
	"unicode/utf8"
)

// Pattern is a text with wildcards. Two literals never stand side by side, nor do
// two of Many. The empty Pattern is the empty text.
type Pattern []Piece

// Piece is a literal text or a wildcard.
type Piece struct {
	Wild Wild
	Text string // of a literal, not empty
}

// Wild is what a piece stands for.
type Wild uint8

// The kinds of pieces.
const (
	Literal Wild = iota
	One          // any one character
	Many         // any characters, also none
)

// ParsePattern reads a value as rules write it. A backslash takes the meaning from
// a wildcard or from another backslash. Any other backslash is itself.
func ParsePattern(s string) Pattern {
	if !strings.ContainsAny(s, `\*?`) {
		return Exactly(s) // most values
	}
	var p Pattern
	var lit strings.Builder
	flush := func() {
		p = p.literal(lit.String())
		lit.Reset()
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && strings.IndexByte(`\*?`, s[i+1]) >= 0:
			i++
			lit.WriteByte(s[i])
		case c == '*':
			flush()
			p = p.many()
		case c == '?':
			flush()
			p = append(p, Piece{Wild: One})
		default:
			lit.WriteByte(c)
		}
	}
	flush()
	return p
}

// Exactly returns the pattern of one text.
func Exactly(s string) Pattern { return Pattern{}.literal(s) }

func (p Pattern) literal(s string) Pattern {
	if s == "" {
		return p
	}
	if n := len(p); n > 0 && p[n-1].Wild == Literal {
		p[n-1].Text += s
		return p
	}
	return append(p, Piece{Text: s})
}

func (p Pattern) many() Pattern {
	if n := len(p); n > 0 && p[n-1].Wild == Many {
		return p
	}
	return append(p, Piece{Wild: Many})
}

// Concat appends q to p, in memory of its own.
func (p Pattern) Concat(q Pattern) Pattern {
	p = append(Pattern{}, p...)
	for _, x := range q {
		switch x.Wild {
		case Literal:
			p = p.literal(x.Text)
		case Many:
			p = p.many()
		default:
			p = append(p, x)
		}
	}
	return p
}

// Before is the pattern of texts that end with p.
func (p Pattern) Before() Pattern { return Pattern{{Wild: Many}}.Concat(p) }

// After is the pattern of texts that begin with p.
func (p Pattern) After() Pattern { return p.Concat(Pattern{{Wild: Many}}) }

// Plain returns the text of a pattern without wildcards.
func (p Pattern) Plain() (string, bool) {
	switch {
	case len(p) == 0:
		return "", true
	case len(p) == 1 && p[0].Wild == Literal:
		return p[0].Text, true
	}
	return "", false
}

// Each returns p with Each literal replaced.
func (p Pattern) Each(f func(string) string) Pattern {
	var q Pattern
	for _, x := range p {
		if x.Wild == Literal {
			q = q.literal(f(x.Text))
		} else {
			q = append(q, x)
		}
	}
	return q
}

var escape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`)

// String returns p as a rule writes it.
func (p Pattern) String() string {
	var b strings.Builder
	for _, x := range p {
		switch x.Wild {
		case One:
			b.WriteByte('?')
		case Many:
			b.WriteByte('*')
		default:
			b.WriteString(escape.Replace(x.Text))
		}
	}
	return b.String()
}

// match reports whether p is the whole of s, without regard to case if both are
// folded. A wildcard takes whole characters; a byte that is none counts as one.
func (p Pattern) match(s string) bool {
	i, j := 0, 0         // place in p and in s
	star, retry := -1, 0 // the last Many, and where what follows it was tried
	for {
		if i < len(p) {
			switch x := p[i]; {
			case x.Wild == Many:
				star, retry = i, j
				i++
				continue
			case x.Wild == One && j < len(s):
				_, size := utf8.DecodeRuneInString(s[j:])
				i, j = i+1, j+size
				continue
			case x.Wild == Literal && strings.HasPrefix(s[j:], x.Text):
				i, j = i+1, j+len(x.Text)
				continue
			}
		} else if j == len(s) {
			return true
		}
		if star < 0 || retry >= len(s) {
			return false
		}
		_, size := utf8.DecodeRuneInString(s[retry:])
		retry += size
		i, j = star+1, retry
	}
}

// Folded returns the pattern of folded texts.
func (p Pattern) Folded() Pattern { return p.Each(Fold) }
