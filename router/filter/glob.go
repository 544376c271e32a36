package filter

import "bytes"

// glob is a pattern in which * is any run of bytes: what stands between the stars.
type glob struct {
	whole  bool // there is no star, and the text is first
	first  []byte
	middle [][]byte
	last   []byte
}

// globs are patterns any of which will do. What turns most texts down lies side by side,
// so that it is looked at without a look at the patterns.
type globs struct {
	ends []globEnds
	all  []glob
}

// globEnds is what a text that matches begins and ends with.
type globEnds struct {
	least       uint16 // bytes
	first, last byte
	hasFirst    bool
	hasLast     bool
}

func compileGlobs(texts []string) (g globs) {
	if len(texts) == 0 {
		return g
	}
	g = globs{make([]globEnds, len(texts)), make([]glob, len(texts))}
	for i, text := range texts {
		g.all[i] = compileGlob([]byte(text))
		g.ends[i] = g.all[i].ends()
	}
	return g
}

func (g *glob) ends() (e globEnds) {
	last := g.last
	if g.whole {
		last = g.first
	} else {
		e.least = uint16(len(g.last))
	}
	e.least += uint16(len(g.first))
	for _, piece := range g.middle {
		e.least += uint16(len(piece))
	}
	if e.hasFirst = len(g.first) > 0; e.hasFirst {
		e.first = g.first[0]
	}
	if e.hasLast = len(last) > 0; e.hasLast {
		e.last = last[len(last)-1]
	}
	return e
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

// match reports whether any of the globs matches b, which is nil where there is none.
func (g *globs) match(b []byte) bool {
	if len(b) == 0 {
		return b != nil && g.matchEmpty()
	}
	first, last := b[0], b[len(b)-1]
	for i := range g.ends {
		e := &g.ends[i]
		if len(b) < int(e.least) || e.hasFirst && e.first != first || e.hasLast && e.last != last {
			continue
		}
		if g.all[i].match(b) {
			return true
		}
	}
	return false
}

func (g *globs) matchEmpty() bool {
	for i := range g.ends {
		if g.ends[i].least == 0 {
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
