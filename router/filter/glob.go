package filter

import "bytes"

// glob is a pattern in which * is any run of bytes: what stands between the stars.
type glob struct {
	whole  bool // there is no star, and the text is first
	first  []byte
	middle [][]byte
	last   []byte
}

func compileGlobs(texts []string) []glob {
	if len(texts) == 0 {
		return nil
	}
	globs := make([]glob, len(texts))
	for i, text := range texts {
		globs[i] = compileGlob([]byte(text))
	}
	return globs
}

// compileGlob takes text apart in place.
func compileGlob(text []byte) glob {
	stars := bytes.Count(text, star)
	if stars == 0 {
		return glob{whole: true, first: text}
	}
	first, rest, _ := bytes.Cut(text, star)
	g := glob{first: first}
	if stars > 1 {
		g.middle = make([][]byte, 0, stars-1)
	}
	for range stars - 1 {
		var piece []byte
		if piece, rest, _ = bytes.Cut(rest, star); len(piece) > 0 {
			g.middle = append(g.middle, piece)
		}
	}
	g.last = rest
	return g
}

var star = []byte("*")

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
