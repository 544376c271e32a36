package engine

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// shorts finds words that are too short for the index of grams. Those with the same
// first byte are looked for together, and told apart by the second one.
type shorts []shortGroup

type shortGroup struct {
	first byte
	alone int32 // the atom of the word that is this byte, -1 for none
	pairs []shortPair
}

type shortPair struct {
	second byte
	words  []shortWord
}

type shortWord struct {
	text string
	atom int32
}

func (s *shorts) add(text string, atom int32) {
	i := 0
	for i < len(*s) && (*s)[i].first != text[0] {
		i++
	}
	if i == len(*s) {
		*s = append(*s, shortGroup{first: text[0], alone: -1})
	}
	g := &(*s)[i]
	if len(text) == 1 {
		g.alone = atom
		return
	}
	for j := range g.pairs {
		if p := &g.pairs[j]; p.second == text[1] {
			p.words = append(p.words, shortWord{text, atom})
			return
		}
	}
	g.pairs = append(g.pairs, shortPair{text[1], []shortWord{{text, atom}}})
}

// find reports the atoms of the words that are in text.
func (s shorts) find(m *Matcher, p *program, text []byte) {
	ascii, known := false, false
	for i := range s {
		g := &s[i]
		if g.first >= utf8.RuneSelf {
			if !known {
				ascii, known = isASCII(text), true
			}
			if ascii {
				continue
			}
		}
		at := bytes.IndexByte(text, g.first)
		if at < 0 {
			continue
		}
		if g.alone >= 0 {
			m.hit(p, g.alone)
		}
		if g.pairs != nil {
			g.findPairs(m, p, text[at:])
		}
	}
}

// isASCII reports whether no byte of text is a part of a longer character.
func isASCII(text []byte) bool {
	for ; len(text) >= 8; text = text[8:] {
		if binary.LittleEndian.Uint64(text)&highs != 0 {
			return false
		}
	}
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// findPairs reports the words of two bytes and more. The text begins with the first.
func (g *shortGroup) findPairs(m *Matcher, p *program, text []byte) {
	for len(text) > 1 {
		for i := range g.pairs {
			if g.pairs[i].second != text[1] {
				continue
			}
			for _, w := range g.pairs[i].words {
				if len(text) >= len(w.text) && string(text[:len(w.text)]) == w.text {
					m.hit(p, w.atom)
				}
			}
		}
		at := bytes.IndexByte(text[1:], g.first)
		if at < 0 {
			return
		}
		text = text[1+at:]
	}
}
