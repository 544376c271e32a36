package event

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
)

// Pair is a text with a name: a label, or a field that no table has.
type Pair struct{ Name, Value string }

// Pairs returns m as pairs, in the order of their names.
func Pairs(m map[string]string) []Pair {
	all := make([]Pair, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, Pair{name, m[name]})
	}
	return all
}

// A pair is the length of its name (u8), that of its value (u16), the name, the
// value. Pairs lie one behind the other, in the order of their names; a name that
// has several values comes once for each.
const (
	pairHead    = 3
	maxPairName = 255
)

// appendPairs appends as many of the pairs as go into limit bytes, and reports
// whether all of them went in whole. A name that is empty or too long cannot be
// looked up: its pair is left out.
func appendPairs(dst []byte, all []Pair, limit int) (b []byte, whole bool) {
	for i := 1; i < len(all); i++ {
		if all[i].Name < all[i-1].Name {
			all = slices.Clone(all)
			slices.SortStableFunc(all, func(a, b Pair) int { return cmp.Compare(a.Name, b.Name) })
			break
		}
	}
	whole = true
	left := limit
	for i := range all {
		name, value := all[i].Name, all[i].Value
		if name == "" || len(name) > maxPairName || pairHead+len(name) > left {
			whole = false
			continue
		}
		left -= pairHead + len(name)
		kept := cut(value, left)
		left -= len(kept)
		whole = whole && len(kept) == len(value)
		dst = append(dst, byte(len(name)))
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(kept)))
		dst = append(append(dst, name...), kept...)
	}
	return dst, whole
}

// nextPair splits the first pair off b. ok is false at the end and where what is
// left is none.
func nextPair(b []byte) (name, value, rest []byte, ok bool) {
	if len(b) < pairHead {
		return nil, nil, nil, false
	}
	n := int(b[0])
	end := pairHead + n + int(binary.LittleEndian.Uint16(b[1:]))
	if end > len(b) {
		return nil, nil, nil, false
	}
	return b[pairHead : pairHead+n : pairHead+n], b[pairHead+n : end : end], b[end:], true
}

// checkPairs reports whether b consists of pairs in their order.
func checkPairs(b []byte) bool {
	var last []byte
	for len(b) > 0 {
		name, _, rest, ok := nextPair(b)
		if !ok || len(name) == 0 || bytes.Compare(name, last) < 0 {
			return false
		}
		last, b = name, rest
	}
	return true
}

func eachPair(b []byte, yield func(name, value []byte) bool) {
	for {
		name, value, rest, ok := nextPair(b)
		if !ok || !yield(name, value) {
			return
		}
		b = rest
	}
}

// copyPairs returns the pairs with their text copied.
func copyPairs(b []byte) []Pair {
	var all []Pair
	eachPair(b, func(name, value []byte) bool {
		all = append(all, Pair{string(name), string(value)})
		return true
	})
	return all
}
