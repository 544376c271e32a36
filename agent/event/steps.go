package event

import "unsafe"

// step is a row as the builder walks it: small, and with the place of the value
// in the struct instead of a function that returns it. An event has some fifty
// rows, and calls through functions were half of its cost (BenchmarkEvent,
// op=build/from=whole).
type step struct {
	do     action
	bit    uint8
	width  uint8
	count  uint8
	at     uint16 // of the value in the struct
	stride uint16 // from one element of a run to the next
	off    uint16 // of the number in the block
	limit  uint16 // bytes of text
	cut    Flags
	store  store
	only   Operation
	zero   bool // the number 0 is there as well
	joined bool
	line   bool // the row before is the line of this list
}

// action is what the builder does with a value: one branch decides, because most of
// the cost of a small field is in its branches.
type action uint8

const (
	doOther action = iota // what is rare: see writer.other
	doU32
	doU64
	doMaybe32
	doMaybe64
	doText
	doTexts
	doNumbers
)

// stepsOf finds out where the rows have their values in T.
func stepsOf[T any](rows []row[T], specs []spec) []step {
	steps := make([]step, 0, len(rows))
	var t T
	place := func(p unsafe.Pointer) uint16 { return uint16(uintptr(p) - uintptr(unsafe.Pointer(&t))) }
	for i := range rows {
		r := &rows[i]
		s := step{
			off: specs[i].off, limit: uint16(r.max), cut: r.cut, store: r.store, width: r.width, count: r.count, bit: uint8(i),
			only: r.only, zero: r.zero, joined: r.joined, line: i > 0 && rows[i-1].store == storeLine,
		}
		switch {
		case r.number != nil:
			s.at = place(r.number(&t))
			if r.only == 0 && r.width == 4 {
				s.do = doU32
			} else if r.only == 0 && r.width == 8 {
				s.do = doU64
			}
		case r.maybe != nil:
			s.at = place(unsafe.Pointer(r.maybe(&t)))
			if s.do = doMaybe64; r.width == 4 {
				s.do = doMaybe32
			}
		case r.text != nil:
			s.at = place(unsafe.Pointer(r.text(&t)))
			if r.store == storeText && !r.joined {
				s.do = doText
			}
		case r.texts != nil:
			s.do = doTexts
			s.at = place(unsafe.Pointer(r.texts(&t, 0)))
			s.stride = place(unsafe.Pointer(r.texts(&t, 1))) - s.at
		case r.numbers != nil:
			s.do = doNumbers
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
