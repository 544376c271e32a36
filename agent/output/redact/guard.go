package redact

import "slices"

// guards finds which of at most 64 short texts are in a text, in one pass. Letters count
// as equal in both cases. Immutable.
type guards struct {
	texts  []string        // folded
	starts [1 << 10]uint64 // bit set of those whose first two bytes have this sum
}

// add returns the bit of the guard g.
func (s *guards) add(g string) uint64 {
	i := slices.Index(s.texts, g)
	if i < 0 {
		if i = len(s.texts); i == 64 {
			panic("redact: more than 64 guards")
		}
		s.texts = append(s.texts, g)
		s.starts[pair(g[0], g[1])] |= 1 << i
	}
	return 1 << i
}

// pair is the same for both cases of a letter.
func pair(a, b byte) uint { return uint(lower(a))<<3&0x3ff ^ uint(lower(b)) }

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b | 0x20
	}
	return b
}

// in returns the set of the guards that are in text.
func (s *guards) in(text string) (found uint64) {
	for i := 0; i+1 < len(text); i++ {
		bits := s.starts[pair(text[i], text[i+1])] &^ found
		for n := 0; bits != 0; n++ {
			if bits&1 != 0 && hasFold(text[i:], s.texts[n]) {
				found |= 1 << n
			}
			bits >>= 1
		}
	}
	return found
}

// hasFold reports whether text begins with the folded text g.
func hasFold(text, g string) bool {
	if len(text) < len(g) {
		return false
	}
	for i := range len(g) {
		if lower(text[i]) != g[i] {
			return false
		}
	}
	return true
}
