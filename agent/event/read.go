package event

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

func (v View) u16(off int) int    { return wire.U16(v, off) }
func (v View) u32(off int) uint32 { return binary.LittleEndian.Uint32(v[off:]) }
func (v View) u64(off int) uint64 { return binary.LittleEndian.Uint64(v[off:]) }

// base returns where the block of a field begins, 0 where the event does not
// have it, and for a field of the head.
func (v View) base(s *spec) int {
	if s.at == 0 || (s.table != 0 && s.table != v.Table()) {
		return 0
	}
	return v.u16(int(s.at))
}

// has reports whether the block at base has the field.
func (v View) has(base int, s *spec) bool { return wire.Has(v, base, s.bit) }

// str returns string i of the block at base, nil when it has fewer.
func (v View) str(base, i int) []byte { return wire.String(v, base, i) }

// text returns the text of a field whatever its flags are, nil for none.
func (v View) text(s *spec) []byte {
	if v[offVersion] == 1 {
		return v.textV1(s)
	}
	if s.word != nil {
		return constant(s.word(v))
	}
	base := v.base(s)
	if base == 0 || !v.has(base, s) {
		return nil
	}
	switch s.store {
	case wire.Text, wire.Line:
		return v.str(base, int(s.index))
	case wire.Pairs:
		return v.labelled(v.str(base, int(s.index)), s)
	case wire.Number:
		return v.wordOf(s)
	}
	return nil
}

// labelled returns the pairs, or the one that is meant.
func (v View) labelled(pairs []byte, s *spec) []byte {
	if s.label == "" {
		return pairs
	}
	for {
		name, value, rest, ok := wire.NextPair(pairs)
		if !ok || string(name) == s.label {
			return value
		}
		pairs = rest
	}
}

// wordOf returns the text that a number stands for.
func (v View) wordOf(s *spec) []byte {
	if n, ok := v.number(s); ok && n < uint64(len(s.words)) && s.kind == KindText {
		return constant(s.words[n])
	}
	return nil
}

// constant returns the bytes of a constant, which nobody may write.
func constant(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// number returns the number of a field whatever its flags are.
func (v View) number(s *spec) (uint64, bool) {
	if s.store != wire.Number {
		return 0, false
	}
	if v[offVersion] == 1 {
		return v.numberV1(s)
	}
	if s.at == 0 {
		n := v.uint(int(s.off), s.width)
		return n, s.zero || n != 0
	}
	base := v.base(s)
	if base == 0 || !v.has(base, s) || int(s.off)+int(s.width) > v.u16(base+wire.OffFixed) {
		return 0, false
	}
	return v.uint(base+int(s.off), s.width), true
}

func (v View) uint(off int, width uint8) uint64 { return wire.Uint(v, off, width) }

func (v View) uuid(s *spec) (id [16]byte) {
	if v[offVersion] == 1 {
		copy(id[:], v[s.v1:])
		return id
	}
	if base := v.base(s); base != 0 && v.has(base, s) && int(s.off)+len(id) <= v.u16(base+wire.OffFixed) {
		copy(id[:], v[base+int(s.off):])
	}
	return id
}

func (v View) extra() []byte {
	if v[offVersion] == 1 {
		return nil
	}
	if at := v.u16(offExtra); at != 0 {
		return v[at:]
	}
	return nil
}

// length returns how many texts or numbers a field of several has.
func (v View) length(s *spec) int {
	switch s.store {
	case wire.List:
		if v[offVersion] != 1 {
			if base := v.base(s); base == 0 || !v.has(base, s) {
				return 0
			}
		}
		_, ends := v.list(s)
		return len(ends) / wire.EndSize
	case wire.Texts:
		n := int(s.count)
		for n > 0 && len(v.textAt(s, n-1)) == 0 {
			n--
		}
		return n
	case wire.Numbers:
		n := int(s.count)
		for n > 0 {
			if _, ok := v.numberAt(s, n-1); ok {
				break
			}
			n--
		}
		return n
	case wire.Number:
		if s.kind == KindList {
			n, _ := v.number(s)
			return bits.OnesCount64(n & (1<<len(s.words) - 1))
		}
	}
	return 0
}

// textAt returns text i of a field of several.
func (v View) textAt(s *spec, i int) []byte {
	if s.store == wire.Number { // of bits that have names
		n, _ := v.number(s)
		for ; i > 0; i-- {
			n &= n - 1
		}
		return constant(s.words[bits.TrailingZeros64(n)])
	}
	if s.store == wire.List {
		line, ends := v.list(s)
		start, end := 0, int(binary.LittleEndian.Uint16(ends[i*wire.EndSize:]))
		if i > 0 {
			start = int(binary.LittleEndian.Uint16(ends[(i-1)*wire.EndSize:])) + 1
		}
		return line[start:end:end]
	}
	if v[offVersion] == 1 {
		return v.itemV1(s, i)
	}
	if base := v.base(s); base != 0 {
		return v.str(base, int(s.index)+i)
	}
	return nil
}

// list returns the line of a list, and where each of its texts ends.
func (v View) list(s *spec) (line, ends []byte) {
	if v[offVersion] == 1 {
		return v.listV1(s)
	}
	if base := v.base(s); base != 0 {
		return v.str(base, int(s.index)), v.str(base, int(s.index)+1)
	}
	return nil, nil
}

// numberAt returns number i of a field of several, and whether it is there.
func (v View) numberAt(s *spec, i int) (uint64, bool) {
	if v[offVersion] == 1 {
		return v.numberItemV1(s, i)
	}
	base := v.base(s)
	off := int(s.off) + i*int(s.width)
	if base == 0 || off+int(s.width) > v.u16(base+wire.OffFixed) {
		return 0, false
	}
	n := v.uint(base+off, s.width)
	return n, n != 0
}
