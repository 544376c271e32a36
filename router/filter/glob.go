package filter

import (
	"bytes"
	"strings"
)

// glob is a pattern in which * is any run of bytes: what stands between the stars.
type glob struct {
	whole  bool // there is no star, and the text is first
	first  []byte
	middle [][]byte
	last   []byte
}

func compileGlobs(texts []string) (globs []glob) {
	for _, text := range texts {
		pieces := strings.Split(text, "*")
		g := glob{whole: len(pieces) == 1, first: []byte(pieces[0])}
		if !g.whole {
			g.last = []byte(pieces[len(pieces)-1])
			for _, p := range pieces[1 : len(pieces)-1] {
				if p != "" {
					g.middle = append(g.middle, []byte(p))
				}
			}
		}
		globs = append(globs, g)
	}
	return globs
}

func matchAnyGlob(globs []glob, b []byte) bool {
	if b == nil {
		return false
	}
	for i := range globs {
		if globs[i].match(b) {
			return true
		}
	}
	return false
}

// match reports whether b matches g. Each piece between the stars is taken where it
// first stands, which leaves most to the others.
func (g *glob) match(b []byte) bool {
	if g.whole {
		return bytes.Equal(g.first, b)
	}
	if len(b) < len(g.first)+len(g.last) || !bytes.HasPrefix(b, g.first) || !bytes.HasSuffix(b, g.last) {
		return false
	}
	b = b[len(g.first) : len(b)-len(g.last)]
	for _, piece := range g.middle {
		i := bytes.Index(b, piece)
		if i < 0 {
			return false
		}
		b = b[i+len(piece):]
	}
	return true
}
