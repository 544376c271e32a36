package engine

import "encoding/binary"

// affixes finds which of many texts another one ends with, begins with, or is. They
// are kept by their last or first eight bytes, or all of them if there are fewer.
// With four, most names of programs of a large set would share a bucket.
type affixes struct {
	entries []affixEntry // open addressing; a power of two
	words   []affixWord  // of an entry side by side
	sizes   uint16       // bit n: there is a key of n bytes
	start   bool         // first bytes and not last ones
}

type affixEntry struct {
	key      uint64
	size     uint8 // of the key; 0: no entry
	first, n int32 // of words
}

type affixWord struct {
	text  string
	whole bool // the text has to be this one
	atom  int32
}

const affixKey = 8 // bytes

func newAffixes(words []affixWord, start bool) *affixes {
	if len(words) == 0 {
		return nil
	}
	type key struct {
		key  uint64
		size uint8
	}
	buckets := map[key][]affixWord{}
	var order []key
	a := &affixes{start: start}
	for _, w := range words {
		size := min(len(w.text), affixKey)
		all, _ := a.load([]byte(w.text))
		k := key{a.cut(all, size), uint8(size)}
		if buckets[k] == nil {
			order = append(order, k)
		}
		buckets[k] = append(buckets[k], w)
		a.sizes |= 1 << size
	}
	n := 1
	for n < 4*len(order) {
		n *= 2
	}
	a.entries = make([]affixEntry, n)
	for _, k := range order {
		i := a.slot(k.key, k.size)
		for a.entries[i].size != 0 {
			i = (i + 1) & (n - 1)
		}
		a.entries[i] = affixEntry{k.key, k.size, int32(len(a.words)), int32(len(buckets[k]))}
		a.words = append(a.words, buckets[k]...)
	}
	return a
}

// load returns the last eight bytes of text, or the first, and how many there are.
func (a *affixes) load(text []byte) (uint64, int) {
	n := len(text)
	if n >= affixKey {
		if a.start {
			return binary.LittleEndian.Uint64(text), affixKey
		}
		return binary.LittleEndian.Uint64(text[n-affixKey:]), affixKey
	}
	var w uint64
	for i, c := range text {
		w |= uint64(c) << (8 * i)
	}
	if !a.start {
		w <<= 8 * (affixKey - n)
	}
	return w, n
}

// cut returns the key of size bytes.
func (a *affixes) cut(w uint64, size int) uint64 {
	if a.start {
		return w << (8 * (affixKey - size))
	}
	return w >> (8 * (affixKey - size))
}

func (a *affixes) slot(key uint64, size uint8) int {
	h := (key ^ uint64(size)<<56) * 0x9E3779B97F4A7C15
	return int(h>>32) & (len(a.entries) - 1)
}

// find reports the atoms of the texts that are found.
func (a *affixes) find(m *Matcher, p *program, text []byte) {
	w, most := a.load(text)
	for size := 1; size <= most; size++ {
		if a.sizes>>size&1 == 0 {
			continue
		}
		key := a.cut(w, size)
		for i := a.slot(key, uint8(size)); a.entries[i].size != 0; i = (i + 1) & (len(a.entries) - 1) {
			e := &a.entries[i]
			if e.key != key || int(e.size) != size {
				continue
			}
			for j := range a.words[e.first : e.first+e.n] {
				x := &a.words[int(e.first)+j]
				if len(x.text) > len(text) || x.whole && len(x.text) != len(text) {
					continue
				}
				part := text[len(text)-len(x.text):]
				if a.start {
					part = text[:len(x.text)]
				}
				if string(part) == x.text {
					m.hit(p, x.atom)
				}
			}
			break
		}
	}
}
