package engine

import (
	"bytes"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
)

// glob is a pattern as the parts between its stars.
type glob struct {
	parts              []expr.Pattern
	openStart, openEnd bool // a star stands there
}

func newGlob(p expr.Pattern) *glob {
	g := &glob{}
	var part expr.Pattern
	for i, x := range p {
		if x.Wild != expr.Many {
			part = append(part, x)
			continue
		}
		if i == 0 {
			g.openStart = true
		} else {
			g.parts = append(g.parts, part)
		}
		part = nil
		g.openEnd = i == len(p)-1
	}
	if !g.openEnd {
		g.parts = append(g.parts, part)
	}
	return g
}

// match reports whether the pattern is all of s. Each part is taken where it is
// found first, because a later place would leave less for the parts behind it.
func (g *glob) match(s []byte) bool {
	parts := g.parts
	if !g.openStart && len(parts) > 0 {
		n := sizeAt(parts[0], s)
		if n < 0 {
			return false
		}
		if s, parts = s[n:], parts[1:]; len(parts) == 0 {
			return g.openEnd || len(s) == 0
		}
	}
	for len(parts) > 1 || len(parts) == 1 && g.openEnd {
		for {
			if n := sizeAt(parts[0], s); n >= 0 {
				s, parts = s[n:], parts[1:]
				break
			}
			if len(s) == 0 {
				return false
			}
			s = s[step(parts[0], s):]
		}
	}
	if len(parts) == 0 {
		return true
	}
	for { // the last part, which ends with s
		if sizeAt(parts[0], s) == len(s) {
			return true
		}
		if len(s) == 0 {
			return false
		}
		s = s[step(parts[0], s):]
	}
}

// step returns how many bytes of s may be passed over to find a part behind them.
func step(p expr.Pattern, s []byte) int {
	_, size := utf8.DecodeRune(s)
	if c := s[0]; c < utf8.RuneSelf && len(p) > 0 && p[0].Wild == expr.Literal && p[0].Text[0] < utf8.RuneSelf {
		if i := bytes.IndexByte(s[1:], p[0].Text[0]); i >= 0 {
			return 1 + i
		}
		return len(s)
	}
	return size
}

// sizeAt returns how many bytes at the start of s a part takes, or -1.
func sizeAt(p expr.Pattern, s []byte) int {
	n := 0
	for _, x := range p {
		switch rest := s[n:]; {
		case x.Wild == expr.One && len(rest) > 0:
			_, size := utf8.DecodeRune(rest)
			n += size
		case x.Wild == expr.Literal && len(rest) >= len(x.Text) && string(rest[:len(x.Text)]) == x.Text:
			n += len(x.Text)
		default:
			return -1
		}
	}
	return n
}
