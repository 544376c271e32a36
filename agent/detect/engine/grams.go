package engine

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// grams finds which of many texts are in another one. They have four bytes or more: see
// shorts for others. Each text has one of its
// sequences of four bytes in the index, the one that is likely the rarest. A bitmap
// excludes most places of the other text at once.
type grams struct {
	bits    *[mostWords]uint64 // a smaller bitmap is the start of it
	shift   uint8              // of the hash, to the number of a bit
	entries []gramEntry
	words   []gramWord // those of an entry behind its first, side by side
}

// gramEntry has the first word in it, because most have no other.
type gramEntry struct {
	gramWord
	gram  uint32
	n     int32 // words in all; 0: no entry
	first int32 // of words, for the second
}

type gramWord struct {
	text string
	key  uint64 // the gram and what is next to it: see keyed
	at   int32  // where the gram is
	back uint8  // how many bytes of the key are before the gram
	drop uint8  // bits of the key that the word does not have, because it is short
	atom int32
}

// keyed makes the key of a word: eight bytes with the gram in them, or all bytes if there
// are fewer. It excludes most words that have a gram in common with a text, without a
// look at their own text, which is elsewhere in memory and seldom in a cache.
func (w gramWord) keyed() gramWord {
	start := min(int(w.at), max(len(w.text)-8, 0))
	part := w.text[start:min(start+8, len(w.text))]
	w.back, w.drop = uint8(int(w.at)-start), uint8(64-8*len(part))
	for i := range len(part) {
		w.key |= uint64(part[i]) << (8*i + int(w.drop))
	}
	return w
}

const (
	gramSize  = 4
	gramHash  = 0x9E3779B1
	leastBits = 9  // of the bitmap, in bits of the hash
	mostBits  = 18 // 32 KiB
	mostWords = 1 << mostBits / 64
	perWord   = 7 // 128 bits a word: 0.8 % of the places are looked at for nothing
)

func newGrams(words []gramWord) *grams {
	if len(words) == 0 {
		return nil
	}
	g := &grams{bits: new([mostWords]uint64)}
	g.shift = uint8(32 - min(max(bits.Len(uint(len(words)))+perWord, leastBits), mostBits))
	common := map[uint32]int{}
	for _, w := range words {
		for i := range len(w.text) - gramSize + 1 {
			common[gramOf(w.text, i)]++
		}
	}
	buckets := map[uint32][]gramWord{}
	var order []uint32
	for _, w := range words {
		w.at = rarest(w.text, common)
		gram := gramOf(w.text, int(w.at))
		if buckets[gram] == nil {
			order = append(order, gram)
		}
		buckets[gram] = append(buckets[gram], w.keyed())
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
		all := buckets[gram]
		g.entries[i] = gramEntry{all[0], gram, int32(len(all)), int32(len(g.words))}
		g.words = append(g.words, all[1:]...)
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
		if usualGrams[gramOf(text, i)] {
			cost += 80
		}
		for _, c := range []byte(text[i : i+gramSize]) {
			cost += 4 * int(frequency[c])
		}
		if cost < least {
			best, least = i, cost
		}
	}
	return int32(best)
}

// usualGrams are those of texts that are in many events.
var usualGrams = func() map[uint32]bool {
	all := map[uint32]bool{}
	for i := range len(usual) - gramSize + 1 {
		all[gramOf(usual, i)] = true
	}
	return all
}()

// frequency is roughly how frequent a byte is in command lines, 2 to 10.
var frequency = func() (f [256]uint8) {
	for c := range f {
		switch c := byte(c); {
		case bytes.IndexByte([]byte(" /-.eats"), c) >= 0:
			f[c] = 10
		case bytes.IndexByte([]byte("ionrlcubdpmh"), c) >= 0:
			f[c] = 7
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			f[c] = 4
		default:
			f[c] = 2
		}
	}
	return f
}()

func (g *grams) slot(gram uint32) int {
	return int(uint64(gram)*0x9E3779B97F4A7C15>>32) & (len(g.entries) - 1)
}

// find reports the atoms of the texts that are in text.
func (g *grams) find(m *Matcher, p *program, text []byte) {
	i, set, shift := 0, g.bits, g.shift&31
	for ; i+8 <= len(text); i += 4 {
		// Four grams begin in four bytes, and one branch is for all of them.
		w := binary.LittleEndian.Uint64(text[i:])
		a, b := uint32(w)*gramHash>>shift, uint32(w>>8)*gramHash>>shift
		c, d := uint32(w>>16)*gramHash>>shift, uint32(w>>24)*gramHash>>shift
		if (set[a/64%mostWords]>>(a%64)|set[b/64%mostWords]>>(b%64)|set[c/64%mostWords]>>(c%64)|set[d/64%mostWords]>>(d%64))&1 == 0 {
			continue
		}
		for j := range 4 {
			if gram := uint32(w >> (8 * j)); g.has(gram) {
				g.verify(m, p, text, i+j, gram)
			}
		}
	}
	for ; i+gramSize <= len(text); i++ {
		if gram := binary.LittleEndian.Uint32(text[i:]); g.has(gram) {
			g.verify(m, p, text, i, gram)
		}
	}
}

// has reports whether a text may have the gram, by the bitmap.
func (g *grams) has(gram uint32) bool {
	bit := gram * gramHash >> (g.shift & 31)
	return g.bits[bit/64%mostWords]>>(bit%64)&1 != 0
}

// verify looks for the texts that have the gram, which is at place i of text.
func (g *grams) verify(m *Matcher, p *program, text []byte, i int, gram uint32) {
	for s := g.slot(gram); g.entries[s].n != 0; s = (s + 1) & (len(g.entries) - 1) {
		e := &g.entries[s]
		if e.gram != gram {
			continue
		}
		e.verify(m, p, text, i)
		for j := range g.words[e.first : e.first+e.n-1] {
			g.words[int(e.first)+j].verify(m, p, text, i)
		}
		return
	}
}

// verify reports the word if it is where its gram, at place i of text, has it.
func (w *gramWord) verify(m *Matcher, p *program, text []byte, i int) {
	if k := i - int(w.back); k >= 0 && k+8 <= len(text) && binary.LittleEndian.Uint64(text[k:])<<(w.drop&63) != w.key {
		return
	}
	start := i - int(w.at)
	if start >= 0 && len(text)-start >= len(w.text) && string(text[start:start+len(w.text)]) == w.text {
		m.hit(p, w.atom)
	}
}
