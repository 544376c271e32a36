package event

import (
	"bytes"
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
	as := b.shape(op, force.there)
	if as.rows == 0 {
		return dst, 0
	}
	w := writer{b: append(dst, zeros[:as.fixed+as.strings*endSize]...)}
	w.start = len(dst)
	w.ends = w.start + as.fixed
	w.heap = len(w.b)
	w.walk(as.steps, unsafe.Pointer(t), op)
	if w.present = (w.present | force.there) &^ force.absent; w.present == 0 {
		return dst, 0
	}
	return w.finish(as.fixed, as.strings), w.cut
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
	b, ends, present, start, heap := w.b, w.ends, w.present, w.start, w.heap // in registers
	for i := range steps {
		s := &steps[i]
		at := unsafe.Add(t, s.at)
		there := false
		switch s.do {
		case doU32:
			n := *(*uint32)(at)
			binary.LittleEndian.PutUint32(b[start+int(s.off):], n)
			there = n != 0 || s.zero
		case doU64:
			n := *(*uint64)(at)
			binary.LittleEndian.PutUint64(b[start+int(s.off):], n)
			there = n != 0 || s.zero
		case doMaybe32:
			if there = *(*Number)(at) != 0; there {
				binary.LittleEndian.PutUint32(b[start+int(s.off):], uint32(min(*(*Number)(at)-1, 1<<32-1)))
			}
		case doMaybe64:
			if there = *(*Number)(at) != 0; there {
				binary.LittleEndian.PutUint64(b[start+int(s.off):], uint64(*(*Number)(at)-1))
			}
		case doText:
			v := *(*string)(at)
			if there = v != ""; there {
				if len(v) > int(s.limit) {
					v = cut(v, int(s.limit))
					w.cut |= s.cut
				}
				b = append(b, v...)
			}
			binary.LittleEndian.PutUint16(b[ends:], uint16(len(b)-heap))
			ends += endSize
		case doTexts:
			there = present>>(s.bit-1)&1 != 0 // the first one is the row before
			for j := range uintptr(s.count) {
				// From the first element each time: there must be no pointer behind the last.
				v := *(*string)(unsafe.Add(at, j*uintptr(s.stride)))
				if v != "" {
					if len(v) > int(s.limit) {
						v = cutStart(v, int(s.limit))
						w.cut |= s.cut
					}
					b = append(b, v...)
					there = true
				}
				binary.LittleEndian.PutUint16(b[ends:], uint16(len(b)-heap))
				ends += endSize
			}
		case doNumbers:
			there = present>>(s.bit-1)&1 != 0
			for j := range int(s.count) {
				n := *(*uint32)(unsafe.Add(at, j*int(s.stride)))
				binary.LittleEndian.PutUint32(b[start+int(s.off)+4*j:], n)
				there = there || n != 0
			}
		default:
			w.b, w.ends = b, ends
			there = w.other(s, at, op)
			b, ends = w.b, w.ends
			if there && s.line {
				present |= 1 << (s.bit - 1)
			}
		}
		if there {
			present |= 1 << s.bit
		}
	}
	w.b, w.ends, w.present = b, ends, present
}

// other appends the kinds of fields that are rare.
func (w *writer) other(s *step, at unsafe.Pointer, op Operation) (there bool) {
	switch s.store {
	case storeNumber:
		return (s.only == 0 || s.only == op) && w.number(s, at)
	case storeText:
		return w.line(*(*string)(at), s)
	case storeList:
		return w.list(*(*string)(at), s)
	case storePairs:
		return w.pairs(*(*[]Pair)(at), s)
	}
	id := (*[16]byte)(at)
	copy(w.b[w.start+int(s.off):], id[:])
	return *id != [16]byte{}
}

// number writes a number of one or two bytes, or one that an operation only has.
func (w *writer) number(s *step, at unsafe.Pointer) bool {
	n := load(at, s.width)
	putNumber(w.b[w.start+int(s.off):], s.width, n)
	return n != 0 || s.zero
}

// load returns the number of width bytes at a place in a struct.
func load(at unsafe.Pointer, width uint8) uint64 {
	switch width {
	case 1:
		return uint64(*(*uint8)(at))
	case 2:
		return uint64(*(*uint16)(at))
	case 4:
		return uint64(*(*uint32)(at))
	}
	return *(*uint64)(at)
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

// end ends the string that was appended to w.b.
func (w *writer) end() {
	binary.LittleEndian.PutUint16(w.b[w.ends:], uint16(len(w.b)-w.heap))
	w.ends += endSize
}

// line appends texts that end with a NUL each as one string, with a space between
// two.
func (w *writer) line(v string, s *step) bool {
	kept := w.fit(v, s)
	start := len(w.b)
	w.b = append(w.b, kept...)
	w.end()
	for rest := w.b[start:]; ; {
		i := bytes.IndexByte(rest, 0)
		if i < 0 {
			return kept != ""
		}
		rest[i] = ' '
		rest = rest[i+1:]
	}
}

// list is line, and appends another string that says where each text ends.
func (w *writer) list(v string, s *step) bool {
	kept := w.fit(v, s)
	start := len(w.b)
	w.b = append(w.b, kept...)
	w.end()
	if kept == "" {
		w.end()
		return false
	}
	for end := 0; ; end++ {
		i := bytes.IndexByte(w.b[start+end:start+len(kept)], 0)
		if i < 0 {
			break
		}
		end += i
		w.b[start+end] = ' '
		w.b = binary.LittleEndian.AppendUint16(w.b, uint16(end))
	}
	w.b = binary.LittleEndian.AppendUint16(w.b, uint16(len(kept)))
	w.end()
	return true
}

// fit cuts texts in the form of /proc/PID/cmdline to the limit, and takes the NULs
// from their end: those that end the last text, and the padding that a program leaves
// which writes a title over its arguments.
func (w *writer) fit(v string, s *step) string {
	kept := trimNULs(cut(v, int(s.limit)))
	if len(v) > int(s.limit) && len(kept) < len(trimNULs(v)) {
		w.cut |= s.cut
	}
	return kept
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
