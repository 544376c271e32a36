package event

import (
	"encoding/binary"
	"encoding/hex"
	"iter"
	"math/bits"
	"strconv"
	"unsafe"
)

// View is one event in its binary form, checked by Parse. It borrows the bytes
// that it was made from: it and every slice that it gives are valid as long as
// those are, and nobody may write to them. A View that did not come from Parse
// may panic.
//
// A field that the event does not have, or that its flag says is unread, reads
// as absent. No method here allocates.
//
// Immutable, and so safe for concurrent use as long as nobody writes the bytes.
type View []byte

// Text returns the text of a field, nil where it is absent. An empty text that
// is there is not nil.
func (v View) Text(f Field) []byte {
	s := f.s
	if s == nil || len(v) < headSize || v.u64(offFlags)&uint64(s.unread) != 0 && !v.inherited(s) {
		return nil
	}
	if !s.plain || v[offVersion] != Version || (s.table != 0 && s.table != Table(v[offTable])) {
		return v.text(s)
	}
	// The usual case is written out, because a rule engine lives here
	// (BenchmarkEvent, op=text): a string of a block.
	base := v.u16(int(s.at))
	if base == 0 {
		return nil
	}
	b := v[base:]
	n, i := int(b[offStrings]), int(s.index)
	if binary.LittleEndian.Uint64(b[offPresent:])>>s.bit&1 == 0 || i >= n {
		return nil
	}
	table := b[binary.LittleEndian.Uint16(b[offFixed:]):]
	start := 0
	if i > 0 {
		start = int(binary.LittleEndian.Uint16(table[(i-1)*endSize:]))
	}
	end := int(binary.LittleEndian.Uint16(table[i*endSize:]))
	heap := n * endSize
	return table[heap+start : heap+end : heap+end]
}

// Uint returns the number of a field, and whether it is there.
func (v View) Uint(f Field) (uint64, bool) {
	s := f.s
	if s == nil || len(v) < headSize || v.u64(offFlags)&uint64(s.unread) != 0 && !v.inherited(s) {
		return 0, false
	}
	return v.number(s)
}

// Len returns how many texts or numbers a field of several has.
func (v View) Len(f Field) int {
	if f.s == nil || v.Unread(f) && !v.inherited(f.s) {
		return 0
	}
	return v.length(f.s)
}

// Item returns text i of a field of several, nil where there are not as many.
// One of them that is not known is empty.
func (v View) Item(f Field, i int) []byte {
	if i < 0 || i >= v.Len(f) || f.s.kind != KindList {
		return nil
	}
	return v.textAt(f.s, i)
}

// ItemUint returns number i of a field of several, and whether it is there.
func (v View) ItemUint(f Field, i int) (uint64, bool) {
	if i < 0 || i >= v.Len(f) || f.s.kind != KindNumbers {
		return 0, false
	}
	return v.numberAt(f.s, i)
}

// Pairs yields the names and values of a field of pairs, in the order of the
// names.
func (v View) Pairs(f Field) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) { eachPair(v.pairsOf(f), yield) }
}

func (v View) pairsOf(f Field) []byte {
	if f.s == nil || f.s.kind != KindPairs {
		return nil
	}
	return v.text(f.s)
}

// Extra yields what a foreign event had that no table has, names with dots
// between their parts. A name with several values comes once for each.
func (v View) Extra() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) { eachPair(v.extra(), yield) }
}

// Unread reports whether a field could not be read: a rule that looks at it and
// does not match has not seen everything.
func (v View) Unread(f Field) bool { return f.s != nil && v.u64(offFlags)&uint64(f.s.unread) != 0 }

// Partial reports whether a field is there, but not all of it.
func (v View) Partial(f Field) bool { return f.s != nil && v.u64(offFlags)&uint64(f.s.partial) != 0 }

// inherited reports whether a field that is unread holds what was inherited, and
// is asked for that.
func (v View) inherited(s *spec) bool {
	return s.inherit && v.Flags().Has(ImageInherited) && v.Flags()&s.unread&^inheritable == 0
}

// AppendKey appends the text of a key, and nothing where the event has none: a
// process of which the start or the run of the kernel is not known has no key,
// because another one would have the same.
func (v View) AppendKey(dst []byte, f Field) []byte {
	s := f.s
	switch {
	case s == nil || s.kind != KindKey:
		return dst
	case s.store == storeUUID:
		if id := v.uuid(s); id != ([16]byte{}) {
			return appendUUID(dst, id)
		}
		return dst
	}
	pid, _ := v.number(s.pid)
	ticks, ok := v.number(s.ticks)
	boot := v.BootID()
	if !ok || pid == 0 || boot == ([16]byte{}) {
		return dst
	}
	dst = strconv.AppendUint(append(appendUUID(dst, boot), '-'), pid, 10)
	return strconv.AppendUint(append(dst, '-'), ticks, 10)
}

func appendUUID(dst []byte, id [16]byte) []byte {
	for i, n := 0, 0; n < len(id); i++ {
		size := uuidGroups[i]
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, id[n:n+size])
		n += size
	}
	return dst
}

var uuidGroups = [...]int{4, 2, 2, 2, 6}

// Version returns the layout of the event.
func (v View) Version() int { return int(v[offVersion]) }

func (v View) u16(off int) int    { return int(binary.LittleEndian.Uint16(v[off:])) }
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
func (v View) has(base int, s *spec) bool { return v.u64(base+offPresent)>>s.bit&1 != 0 }

// str returns string i of the block at base, nil when it has fewer.
func (v View) str(base, i int) []byte {
	n := int(v[base+offStrings])
	if i >= n {
		return nil
	}
	table := base + v.u16(base+offFixed)
	heap := table + n*endSize
	start := heap
	if i > 0 {
		start += v.u16(table + (i-1)*endSize)
	}
	end := heap + v.u16(table+i*endSize)
	return v[start:end:end]
}

// text returns the text of a field whatever its flag says, nil for none.
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
	case storeText, storeLine:
		return v.str(base, int(s.index))
	case storePairs:
		return v.labelled(v.str(base, int(s.index)), s)
	case storeNumber:
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
		name, value, rest, ok := nextPair(pairs)
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

// number returns the number of a field whatever its flag says.
func (v View) number(s *spec) (uint64, bool) {
	if s.store != storeNumber {
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
	if base == 0 || !v.has(base, s) || int(s.off)+int(s.width) > v.u16(base+offFixed) {
		return 0, false
	}
	return v.uint(base+int(s.off), s.width), true
}

func (v View) uint(off int, width uint8) uint64 {
	switch width {
	case 1:
		return uint64(v[off])
	case 2:
		return uint64(v.u16(off))
	case 4:
		return uint64(v.u32(off))
	}
	return v.u64(off)
}

func (v View) uuid(s *spec) (id [16]byte) {
	if v[offVersion] == 1 {
		copy(id[:], v[s.v1:])
		return id
	}
	if base := v.base(s); base != 0 && v.has(base, s) && int(s.off)+len(id) <= v.u16(base+offFixed) {
		copy(id[:], v[base+int(s.off):])
	}
	return id
}

// BootID returns which run of the kernel the event is from, zeros when that is
// not known.
func (v View) BootID() [16]byte { return v.uuid(bootID) }

var bootID = origin.named("host.boot.id")

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
	case storeList:
		if v[offVersion] != 1 {
			if base := v.base(s); base == 0 || !v.has(base, s) {
				return 0
			}
		}
		_, ends := v.list(s)
		return len(ends) / endSize
	case storeTexts:
		n := int(s.count)
		for n > 0 && len(v.textAt(s, n-1)) == 0 {
			n--
		}
		return n
	case storeNumbers:
		n := int(s.count)
		for n > 0 {
			if _, ok := v.numberAt(s, n-1); ok {
				break
			}
			n--
		}
		return n
	case storeNumber:
		if s.kind == KindList {
			n, _ := v.number(s)
			return bits.OnesCount64(n & (1<<len(s.words) - 1))
		}
	}
	return 0
}

// textAt returns text i of a field of several.
func (v View) textAt(s *spec, i int) []byte {
	if s.store == storeNumber { // of bits that have names
		n, _ := v.number(s)
		for ; i > 0; i-- {
			n &= n - 1
		}
		return constant(s.words[bits.TrailingZeros64(n)])
	}
	if s.store == storeList {
		line, ends := v.list(s)
		start, end := 0, int(binary.LittleEndian.Uint16(ends[i*endSize:]))
		if i > 0 {
			start = int(binary.LittleEndian.Uint16(ends[(i-1)*endSize:])) + 1
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
	if base == 0 || off+int(s.width) > v.u16(base+offFixed) {
		return 0, false
	}
	n := v.uint(base+off, s.width)
	return n, n != 0
}
