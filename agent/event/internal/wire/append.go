package wire

import (
	"bytes"
	"encoding/binary"
	"unsafe"
)

// zeros makes room for fixed parts and tables of ends.
var zeros [256]byte

// Shape is the form of a block.
type Shape struct {
	Steps   []Step // of the fields that have values in the struct
	Fixed   int    // bytes of the fixed part
	Strings int
}

// Append appends the block that is built from the struct at t, and returns the flags of what
// was cut. Fields of the bits there are there although their value stands for none, those of
// absent are not. A block in which nothing is there is left out.
func (s *Shape) Append(dst []byte, t unsafe.Pointer, op uint8, there, absent uint64) ([]byte, uint64) {
	w := writer{b: append(dst, zeros[:s.Fixed+s.Strings*EndSize]...)}
	w.start = len(dst)
	w.ends = w.start + s.Fixed
	w.heap = len(w.b)
	w.walk(s.Steps, t, op)
	if w.present = (w.present | there) &^ absent; w.present == 0 {
		return dst, 0
	}
	return w.finish(s.Fixed, s.Strings), w.cut
}

// writer appends one block. It is a value on the caller's stack.
type writer struct {
	b       []byte
	start   int // of the block in b
	ends    int // of the next entry of the table in b
	heap    int // of the heap in b
	present uint64
	cut     uint64
}

// walk appends the values that the struct at t has.
func (w *writer) walk(steps []Step, t unsafe.Pointer, op uint8) {
	b, ends, present, start, heap := w.b, w.ends, w.present, w.start, w.heap // in registers
	for i := range steps {
		s := &steps[i]
		at := unsafe.Add(t, s.At)
		there := false
		switch s.do {
		case doU32:
			n := *(*uint32)(at)
			binary.LittleEndian.PutUint32(b[start+int(s.Off):], n)
			there = n != 0 || s.Zero
		case doU64:
			n := *(*uint64)(at)
			binary.LittleEndian.PutUint64(b[start+int(s.Off):], n)
			there = n != 0 || s.Zero
		case doMaybe32:
			if there = *(*uint64)(at) != 0; there {
				binary.LittleEndian.PutUint32(b[start+int(s.Off):], uint32(min(*(*uint64)(at)-1, 1<<32-1)))
			}
		case doMaybe64:
			if there = *(*uint64)(at) != 0; there {
				binary.LittleEndian.PutUint64(b[start+int(s.Off):], *(*uint64)(at)-1)
			}
		case doText:
			v := *(*string)(at)
			if there = v != ""; there {
				if len(v) > int(s.Limit) {
					v = Cut(v, int(s.Limit))
					w.cut |= s.Cut
				}
				b = append(b, v...)
			}
			binary.LittleEndian.PutUint16(b[ends:], uint16(len(b)-heap))
			ends += EndSize
		case doTexts:
			there = present>>(s.Bit-1)&1 != 0 // the first one is the row before
			for j := range uintptr(s.Count) {
				// From the first element each time: there must be no pointer behind the last.
				v := *(*string)(unsafe.Add(at, j*uintptr(s.Stride)))
				if v != "" {
					if len(v) > int(s.Limit) {
						v = CutStart(v, int(s.Limit))
						w.cut |= s.Cut
					}
					b = append(b, v...)
					there = true
				}
				binary.LittleEndian.PutUint16(b[ends:], uint16(len(b)-heap))
				ends += EndSize
			}
		case doNumbers:
			there = present>>(s.Bit-1)&1 != 0
			for j := range int(s.Count) {
				n := *(*uint32)(unsafe.Add(at, j*int(s.Stride)))
				binary.LittleEndian.PutUint32(b[start+int(s.Off)+4*j:], n)
				there = there || n != 0
			}
		default:
			w.b, w.ends = b, ends
			there = w.other(s, at, op)
			b, ends = w.b, w.ends
			if there && s.Line {
				present |= 1 << (s.Bit - 1)
			}
		}
		if there {
			present |= 1 << s.Bit
		}
	}
	w.b, w.ends, w.present = b, ends, present
}

// other appends the kinds of fields that are rare.
func (w *writer) other(s *Step, at unsafe.Pointer, op uint8) (there bool) {
	switch s.Store {
	case Number:
		return (s.Only == 0 || s.Only == op) && w.number(s, at)
	case Text:
		return w.line(*(*string)(at), s)
	case List:
		return w.list(*(*string)(at), s)
	case Pairs:
		return w.pairs(*(*[]Pair)(at), s)
	}
	id := (*[16]byte)(at)
	copy(w.b[w.start+int(s.Off):], id[:])
	return *id != [16]byte{}
}

// number writes a number of one or two bytes, or one that an operation only has.
func (w *writer) number(s *Step, at unsafe.Pointer) bool {
	n := Load(at, s.Width)
	putNumber(w.b[w.start+int(s.Off):], s.Width, n)
	return n != 0 || s.Zero
}

// Load returns the number of width bytes at a place in a struct.
func Load(at unsafe.Pointer, width uint8) uint64 {
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
	w.ends += EndSize
}

// line appends texts that end with a NUL each as one string, with a space between
// two.
func (w *writer) line(v string, s *Step) bool {
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

// list is line, and appends another string that shows where each text ends.
func (w *writer) list(v string, s *Step) bool {
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
func (w *writer) fit(v string, s *Step) string {
	kept := TrimNULs(Cut(v, int(s.Limit)))
	if len(v) > int(s.Limit) && len(kept) < len(TrimNULs(v)) {
		w.cut |= s.Cut
	}
	return kept
}

// pairs appends names and values as one string.
func (w *writer) pairs(all []Pair, s *Step) bool {
	start := len(w.b)
	var whole bool
	if w.b, whole = AppendPairs(w.b, all, int(s.Limit)); !whole {
		w.cut |= s.Cut
	}
	w.end()
	return len(w.b) > start
}

func (w *writer) finish(fixed, strings int) []byte {
	b := w.b[w.start:]
	binary.LittleEndian.PutUint16(b[OffFixed:], uint16(fixed))
	b[OffStrings] = byte(strings)
	binary.LittleEndian.PutUint64(b[OffPresent:], w.present)
	return w.b
}
