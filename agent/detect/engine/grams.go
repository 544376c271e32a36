package engine

import (
	"bytes"
	"encoding/binary"
)

// grams finds which of many texts are in another one. Each text has one of its
// sequences of four bytes in the index, the one that is likely the rarest. A bitmap
// excludes most places of the other text at once.
type grams struct {
	bits    []uint64 // a power of two
	shift   uint8    // of the hash, to the number of a bit
	entries []gramEntry
	words   []gramWord // of an entry side by side
	short   []gramWord // with less than four bytes: looked for one by one
}

type gramEntry struct {
	gram     uint32
	first, n int32 // of words; n 0: no entry
}

type gramWord struct {
	text string
	at   int32 // where the gram is
	atom int32
}

const (
	gramSize  = 4
	gramHash  = 0x9E3779B1
	smallBits = 16 // 8 KiB, which stay in the first cache
	largeBits = 18
	manyWords = 2000 // from here on the small bitmap lets too much through
)

func newGrams(words []gramWord) *grams {
	if len(words) == 0 {
		return nil
	}
	g := &grams{shift: 32 - smallBits}
	if len(words) >= manyWords {
		g.shift = 32 - largeBits
	}
	g.bits = make([]uint64, 1<<(32-g.shift)/64)
	common := map[uint32]int{}
	for _, w := range words {
		for i := range len(w.text) - gramSize + 1 {
			common[gramOf(w.text, i)]++
		}
	}
	buckets := map[uint32][]gramWord{}
	var order []uint32
	for _, w := range words {
		if len(w.text) < gramSize {
			g.short = append(g.short, w)
			continue
		}
		w.at = rarest(w.text, common)
		gram := gramOf(w.text, int(w.at))
		if buckets[gram] == nil {
			order = append(order, gram)
		}
		buckets[gram] = append(buckets[gram], w)
		bit := gram * gramHash >> g.shift
		g.bits[bit/64] |= 1 << (bit % 64)
	}
	n := 1
	for n < 4*len(order) {
		n *= 2
	}
	g.entries = make([]gramEntry, n)
	for _, gram := range order {
		i := g.slot(gram)
		for g.entries[i].n != 0 {
			i = (i + 1) & (n - 1)
		}
		g.entries[i] = gramEntry{gram, int32(len(g.words)), int32(len(buckets[gram]))}
		g.words = append(g.words, buckets[gram]...)
	}
	return g
}

func gramOf(s string, i int) uint32 {
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
}

// rarest returns where the gram of a text is that is likely in the fewest others.
// Letters that are frequent in paths and command lines count most, and so do grams
// that several texts have.
func rarest(text string, common map[uint32]int) int32 {
	best, least := 0, 1<<30
	for i := range len(text) - gramSize + 1 {
		cost := min(common[gramOf(text, i)], 50)
		for _, c := range []byte(text[i : i+gramSize]) {
			cost += 4 * frequency(c)
		}
		if cost < least {
			best, least = i, cost
		}
	}
	return int32(best)
}

// frequency is roughly how frequent a byte is in command lines.
func frequency(c byte) int {
	switch {
	case bytes.IndexByte([]byte(" /-.eats"), c) >= 0:
		return 10
	case bytes.IndexByte([]byte("ionrlcubdpmh"), c) >= 0:
		return 7
	case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		return 4
	}
	return 2
}

func (g *grams) slot(gram uint32) int {
	return int(uint64(gram)*0x9E3779B97F4A7C15>>32) & (len(g.entries) - 1)
}

// find reports the atoms of the texts that are in text.
func (g *grams) find(m *Matcher, p *program, text []byte) {
	for i := range g.short {
		if w := &g.short[i]; contains(text, w.text) {
			m.hit(p, w.atom)
		}
	}
	if len(text) < gramSize || len(g.words) == 0 {
		return
	}
	bits, shift := g.bits, g.shift
	gram := binary.LittleEndian.Uint32(text) << 8
	for i, c := range text[gramSize-1:] {
		gram = gram>>8 | uint32(c)<<24
		if bit := gram * gramHash >> shift; bits[bit/64]>>(bit%64)&1 != 0 {
			g.verify(m, p, text, i, gram)
		}
	}
}

// verify looks for the texts that have the gram, which is at place i of text.
func (g *grams) verify(m *Matcher, p *program, text []byte, i int, gram uint32) {
	for s := g.slot(gram); g.entries[s].n != 0; s = (s + 1) & (len(g.entries) - 1) {
		e := &g.entries[s]
		if e.gram != gram {
			continue
		}
		for j := range g.words[e.first : e.first+e.n] {
			w := &g.words[int(e.first)+j]
			start := i - int(w.at)
			if start >= 0 && len(text)-start >= len(w.text) && string(text[start:start+len(w.text)]) == w.text {
				m.hit(p, w.atom)
			}
		}
		return
	}
}
