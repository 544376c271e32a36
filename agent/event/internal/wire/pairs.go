package wire

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"
)

// Pair is a text with a name. A type of the same form can stand for it.
type Pair = struct{ Name, Value string }

// A pair is the length of its name (u8), that of its value (u16), the name, the
// value. Pairs lie one behind the other, in the order of their names; a name that
// has several values comes once for each.
const (
	pairHead    = 3
	maxPairName = 255
)

// AppendPairs appends as many of the pairs as go into limit bytes, and reports
// whether all of them went in whole. A name that is empty or too long cannot be
// looked up: its pair is left out.
func AppendPairs[P ~struct{ Name, Value string }](dst []byte, all []P, limit int) (b []byte, whole bool) {
	for i := 1; i < len(all); i++ {
		if Pair(all[i]).Name < Pair(all[i-1]).Name {
			sorted := slices.Clone(all)
			sort.SliceStable(sorted, func(i, j int) bool { return Pair(sorted[i]).Name < Pair(sorted[j]).Name })
			all = sorted
			break
		}
	}
	whole = true
	left := limit
	for i := range all {
		name, value := Pair(all[i]).Name, Pair(all[i]).Value
		if name == "" || len(name) > maxPairName || pairHead+len(name) > left {
			whole = false
			continue
		}
		left -= pairHead + len(name)
		kept := Cut(value, left)
		left -= len(kept)
		whole = whole && len(kept) == len(value)
		dst = append(dst, byte(len(name)))
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(kept)))
		dst = append(append(dst, name...), kept...)
	}
	return dst, whole
}

// NextPair splits the first pair off b. ok is false at the end and where what is
// left is none.
func NextPair(b []byte) (name, value, rest []byte, ok bool) {
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

// CheckPairs reports whether b consists of pairs in their order.
func CheckPairs(b []byte) bool {
	var last []byte
	for len(b) > 0 {
		name, _, rest, ok := NextPair(b)
		if !ok || len(name) == 0 || bytes.Compare(name, last) < 0 {
			return false
		}
		last, b = name, rest
	}
	return true
}

// EachPair yields the pairs of b, until yield returns false.
func EachPair(b []byte, yield func(name, value []byte) bool) {
	for {
		name, value, rest, ok := NextPair(b)
		if !ok || !yield(name, value) {
			return
		}
		b = rest
	}
}
