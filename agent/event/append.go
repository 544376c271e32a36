package event

import (
	"encoding/binary"
	"unsafe"
)

// forced are rows that are there although their value stands for none, because a
// foreign event may have an empty text, or the number 0; and such that are not,
// although they have one.
type forced struct{ there, absent uint64 }

// zeros makes room for fixed parts and tables of ends.
var zeros [256]byte

// append appends the block built from t, and says what was cut. A block in
// which nothing is there is left out. op decides about the rows that one
// operation only has.
func (b *block[T]) append(dst []byte, t *T, op Operation, force forced) ([]byte, Flags) {
	w := writer{b: append(dst, zeros[:b.fixed+b.strings*endSize]...)}
	w.start = len(dst)
	w.ends = w.start + b.fixed
	w.heap = len(w.b)
	w.walk(b.steps, unsafe.Pointer(t), op)
	if w.present = (w.present | force.there) &^ force.absent; w.present == 0 {
		return dst, 0
	}
	return w.finish(b.fixed, b.strings), w.cut
}

// writer appends one block. It is a value on the caller's stack.
type writer struct {
	b       []byte
	start   int // of the block in b
	ends    int // of the next entry of the table in b
	heap    int // of the heap in b
	present uint64
	cut     Flags
}

// walk appends the values that the struct at t has.
func (w *writer) walk(steps []step, t unsafe.Pointer, op Operation) {
	for i := range steps {
		s := &steps[i]
		at := unsafe.Add(t, s.at)
		there := false
		switch s.store {
		case storeNumber:
			there = (s.only == 0 || s.only == op) && w.number(s, at)
		case storeText:
			if there = s.joined; there {
				there = w.line(*(*string)(at), s) != ""
			} else {
				there = w.text(*(*string)(at), s)
			}
		case storeTexts:
			there = w.texts(s, at)
		case storeNumbers:
			there = w.numbers(s, at)
		case storeList:
			if there = w.list(*(*string)(at), s); there && s.line {
				w.present |= 1 << (s.bit - 1)
			}
		case storePairs:
			there = w.pairs(*(*[]Pair)(at), s)
		case storeUUID:
			id := (*[16]byte)(at)
			there = *id != [16]byte{}
			copy(w.b[w.start+int(s.off):], id[:])
		}
		if there {
			w.present |= 1 << s.bit
		}
	}
}

// number writes a number if there is one.
func (w *writer) number(s *step, at unsafe.Pointer) bool {
	var n uint64
	switch {
	case s.maybe:
		var ok bool
		if n, ok = (*(*Number)(at)).Get(); !ok {
			return false
		}
		n = min(n, 1<<(8*s.width)-1)
	case s.width == 1:
		n = uint64(*(*uint8)(at))
	case s.width == 2:
		n = uint64(*(*uint16)(at))
	case s.width == 4:
		n = uint64(*(*uint32)(at))
	default:
		n = *(*uint64)(at)
	}
	if n == 0 && !s.zero {
		return false
	}
	putNumber(w.b[w.start+int(s.off):], s.width, n)
	return true
}

func putNumber(b []byte, width uint8, n uint64) {
	switch width {
	case 1:
		b[0] = byte(n)
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(n))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(n))
	default:
		binary.LittleEndian.PutUint64(b, n)
	}
}

// text appends the next string of the heap, and reports whether it is there.
func (w *writer) text(v string, s *step) bool {
	if len(v) > int(s.limit) {
		v = cut(v, int(s.limit))
		w.cut |= s.cut
	}
	w.b = append(w.b, v...)
	w.end()
	return v != ""
}

// end ends the string that was appended to w.b.
func (w *writer) end() {
	binary.LittleEndian.PutUint16(w.b[w.ends:], uint16(len(w.b)-w.heap))
	w.ends += endSize
}

// texts appends the elements of a run behind the first one, which is the row
// before. What is too long keeps its end.
func (w *writer) texts(s *step, at unsafe.Pointer) bool {
	there := w.present>>(s.bit-1)&1 != 0
	for i := range uintptr(s.count) {
		// From the first element each time: there must be no pointer behind the last.
		v := *(*string)(unsafe.Add(at, i*uintptr(s.stride)))
		if len(v) > int(s.limit) {
			v = cutStart(v, int(s.limit))
			w.cut |= s.cut
		}
		if v != "" {
			w.b = append(w.b, v...)
			there = true
		}
		w.end()
	}
	return there
}

func (w *writer) numbers(s *step, at unsafe.Pointer) bool {
	there := w.present>>(s.bit-1)&1 != 0
	b := w.b[w.start+int(s.off):]
	for i := range uintptr(s.count) {
		n := *(*uint32)(unsafe.Add(at, i*uintptr(s.stride)))
		binary.LittleEndian.PutUint32(b, n)
		b = b[4:]
		there = there || n != 0
	}
	return there
}

// line appends texts that end with a NUL each as one string, with a space
// between two.
func (w *writer) line(v string, s *step) (kept string) {
	kept = cutList(v, int(s.limit))
	if len(v) > int(s.limit) && len(kept) < len(trimNULs(v)) {
		w.cut |= s.cut
	}
	w.b = appendLine(w.b, kept)
	w.end()
	return kept
}

// list is line, and says where each text ends in another string.
func (w *writer) list(v string, s *step) bool {
	kept := w.line(v, s)
	w.b = appendEnds(w.b, kept)
	w.end()
	return kept != ""
}

// pairs appends names and values as one string.
func (w *writer) pairs(all []Pair, s *step) bool {
	start := len(w.b)
	var whole bool
	if w.b, whole = appendPairs(w.b, all, int(s.limit)); !whole {
		w.cut |= s.cut
	}
	w.end()
	return len(w.b) > start
}

func (w *writer) finish(fixed, strings int) []byte {
	b := w.b[w.start:]
	binary.LittleEndian.PutUint16(b[offFixed:], uint16(fixed))
	b[offStrings] = byte(strings)
	binary.LittleEndian.PutUint64(b[offPresent:], w.present)
	return w.b
}

// step is a row as the builder walks it: small, and with the place of the value
// in the struct instead of a function that returns it. An event has some fifty
// rows, and calls through functions were half of its cost (BenchmarkEvent,
// op=build/from=scratch).
type step struct {
	at     uint16 // of the value in the struct
	stride uint16 // from one element of a run to the next
	off    uint16 // of the number in the block
	limit  uint16 // bytes of text
	cut    Flags
	store  store
	width  uint8
	count  uint8
	bit    uint8
	only   Operation
	zero   bool
	maybe  bool
	joined bool
	line   bool // the row before is the line of this list
}

// stepsOf finds out where the rows have their values in T.
func stepsOf[T any](rows []row[T], specs []spec) []step {
	steps := make([]step, 0, len(rows))
	var t T
	place := func(p unsafe.Pointer) uint16 { return uint16(uintptr(p) - uintptr(unsafe.Pointer(&t))) }
	for i := range rows {
		r := &rows[i]
		s := step{
			off: specs[i].off, limit: uint16(r.max), cut: r.cut, store: r.store, width: r.width, count: r.count, bit: uint8(i),
			only: r.only, zero: r.zero, maybe: r.maybe != nil, joined: r.joined,
			line: i > 0 && rows[i-1].store == storeLine,
		}
		switch {
		case r.number != nil:
			s.at = place(r.number(&t))
		case r.maybe != nil:
			s.at = place(unsafe.Pointer(r.maybe(&t)))
		case r.text != nil:
			s.at = place(unsafe.Pointer(r.text(&t)))
		case r.texts != nil:
			s.at = place(unsafe.Pointer(r.texts(&t, 0)))
			s.stride = place(unsafe.Pointer(r.texts(&t, 1))) - s.at
		case r.numbers != nil:
			s.at = place(unsafe.Pointer(r.numbers(&t, 0)))
			s.stride = place(unsafe.Pointer(r.numbers(&t, 1))) - s.at
			s.off += uint16(r.width) // the first number is that of the row before
		case r.pairs != nil:
			s.at = place(unsafe.Pointer(r.pairs(&t)))
		case r.uuid != nil:
			s.at = place(unsafe.Pointer(r.uuid(&t)))
		default:
			continue // computed, or a line
		}
		steps = append(steps, s)
	}
	return steps
}
