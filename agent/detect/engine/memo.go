package engine

import (
	"encoding/binary"
	"math/bits"
)

// memo remembers which atoms the index of a field found in the texts that the field had
// last: what runs on a host, who started it and in which folder repeats. A text counts as
// known only if all of its bytes are the same.
//
// A field whose texts do not repeat, as most command lines do not, is left alone after a
// trial, until the next one. A memo does not grow. One goroutine at a time.
type memo struct {
	sets  [memoSets]memoSet
	looks int // in this trial
	known int // of them
	rest  int // texts until the next trial
}

// With the community's 1,415 Windows rules an event takes 2.4 us where all texts come again,
// 3.3 where all but the command lines do, and 4.5 where none does, and 4.3 without a memo;
// with its Linux rules 0.45, 0.59 and 0.74, and 0.70 (BenchmarkMatch on a busy machine, best
// of 3, taking turns). Sets of two texts find fewer: 0.48 and 0.63 with the Linux rules.
const (
	memoBits = 5
	memoSets = 1 << memoBits
	memoWays = 4   // texts of a set: 44 KiB a field
	memoText = 256 // bytes of the longest text
	memoHits = 20  // the most atoms of a text

	// A trial of memoTrial texts has to find one of memoWorth known. A look in vain takes
	// some 40 ns, with the note that is made then, and one that is not in vain saves 70 to
	// 170 ns.
	memoTrial = 256
	memoWorth = 3
	memoRest  = 8 * memoTrial
)

// memoSet are the texts that are kept of those with the same place.
type memoSet struct {
	hash   [memoWays]uint32
	oldest uint8 // is the next one to go
	notes  [memoWays]memoNote
}

// memoNote is a text, and what was found in it.
type memoNote struct {
	size uint16 // of the text; 0: no text
	hits uint16
	atom [memoHits]int32
	text [memoText]byte
}

// awake reports whether texts are looked up.
func (c *memo) awake() bool {
	if c.rest > 0 {
		c.rest--
		return false
	}
	return true
}

// find returns the note of a text, and whether it is known. If it is not, keep may fill the
// note. There is none for a text that is empty or too long.
func (c *memo) find(text []byte) (n *memoNote, known bool) {
	if len(text) == 0 || len(text) > memoText {
		return nil, false
	}
	if c.looks++; c.looks == memoTrial {
		if c.known*memoWorth < memoTrial {
			c.rest = memoRest
		}
		c.looks, c.known = 0, 0
	}
	h := hashOf(text)
	s := &c.sets[h>>(32-memoBits)]
	for i := range s.notes {
		if s.hash[i] != h {
			continue
		}
		if n = &s.notes[i]; int(n.size) == len(text) && string(n.text[:len(text)]) == string(text) {
			c.known++
			return n, true
		}
	}
	i := s.oldest % memoWays
	s.oldest++
	n = &s.notes[i]
	s.hash[i], n.size = h, 0
	return n, false
}

// keep fills a note that find returned. Too much is not kept.
func (n *memoNote) keep(text []byte, found []int32) {
	if n == nil || len(found) > len(n.atom) {
		return
	}
	n.size, n.hits = uint16(copy(n.text[:], text)), uint16(copy(n.atom[:], found))
}

// hashOf mixes the bytes of a text, eight at a time. Texts that somebody chose so that
// they have the same hash push each other out, and no more.
func hashOf(text []byte) uint32 {
	const k = 0x9E3779B97F4A7C15
	h := uint64(len(text)) * k
	rest := text
	for ; len(rest) >= 8; rest = rest[8:] {
		h = bits.RotateLeft64(h^binary.LittleEndian.Uint64(rest), 29) * k
	}
	if len(text) >= 8 {
		h ^= binary.LittleEndian.Uint64(text[len(text)-8:])
	} else {
		for i, c := range rest {
			h ^= uint64(c) << (8 * i)
		}
	}
	h = (h ^ h>>32) * k
	return uint32(h >> 32)
}
