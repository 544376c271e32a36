package event

import (
	"unsafe"

	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

// row is one field of a block, and all that is known about it: builder, reader,
// copy, JSON, look-up and documentation follow it. T is the struct that the
// block is built from.
type row[T any] struct {
	_        [0]func() // not comparable: nobody compares rows, and the code that does is 12 KB
	name     string    // in the Elastic Common Schema, or below daemoneye
	sigma    string    // its names in Sigma rules, a space between two
	unread   Flags     // any of them means that it could not be read
	partial  Flags     // any of them means that it is not all there
	only     Operation // the one that has it; 0: all
	doc      string
	*form[T] // a pointer, because the code that makes the table is 60 KB larger with the form itself
}

// form is how a field lies in its block, and where it stands in T. A field that
// T has no value of is absent.
type form[T any] struct {
	kind  Kind
	store wire.Store

	max    int // bytes of text
	text   func(*T) *string
	joined bool  // NULs in it become spaces
	cut    Flags // set when it was longer

	width  uint8
	zero   bool                    // 0 is a value as well, and so it is never absent
	words  []string                // a number that stands for a text
	again  bool                    // the number is that of the row before
	number func(*T) unsafe.Pointer // of width bytes
	maybe  func(*T) *Number        // a number that may be missing

	// A run goes on from the row before it, which is its first element.
	count   uint8
	texts   func(*T, int) *string
	numbers func(*T, int) *uint32

	pairs func(*T) *[]Pair
	uuid  func(*T) *[16]byte

	word func(View) string // computed
	key  [2]string         // computed, the key of a process: the names of the rows with its pid and its start
}

func text[T any](limit int, at func(*T) *string) *form[T] {
	return &form[T]{kind: KindText, store: wire.Text, max: limit, text: at, cut: TextTruncated}
}

// joined is a text made of texts that end with a NUL each.
func joined[T any](limit int, at func(*T) *string) *form[T] {
	f := text(limit, at)
	f.joined = true
	return f
}

// list is of texts that end with a NUL each (the last one may do without). The
// row before it may be a line, which reads them as one text.
func list[T any](limit int, cut Flags, at func(*T) *string) *form[T] {
	return &form[T]{kind: KindList, store: wire.List, max: limit, text: at, cut: cut}
}

func line[T any]() *form[T] { return &form[T]{kind: KindText, store: wire.Line} }

// texts is a run; what is too long in it is cut at its start.
func texts[T any](n, limit int, at func(*T, int) *string) *form[T] {
	return &form[T]{kind: KindList, store: wire.Texts, count: uint8(n), max: limit, texts: at, cut: TextTruncated}
}

func pairs[T any](limit int, at func(*T) *[]Pair) *form[T] {
	return &form[T]{kind: KindPairs, store: wire.Pairs, max: limit, pairs: at, cut: TextTruncated}
}

func uuid[T any](at func(*T) *[16]byte) *form[T] {
	return &form[T]{kind: KindKey, store: wire.UUID, width: 16, uuid: at}
}

// number is absent when it is 0.
func number[T any, N ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~int64](kind Kind, at func(*T) *N) *form[T] {
	return &form[T]{
		kind: kind, store: wire.Number, width: uint8(unsafe.Sizeof(N(0))),
		number: func(t *T) unsafe.Pointer { return unsafe.Pointer(at(t)) },
	}
}

// always is a number that is always there.
func always[T any, N ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~int64](kind Kind, at func(*T) *N) *form[T] {
	f := number(kind, at)
	f.zero = true
	return f
}

// maybe is a number of width bytes that may be missing.
func maybe[T any](kind Kind, width uint8, at func(*T) *Number) *form[T] {
	return &form[T]{kind: kind, store: wire.Number, width: width, zero: true, maybe: at}
}

// word is a number that rules and JSON see as a text.
func word[T any, N ~uint8](words []string, at func(*T) *N) *form[T] {
	f := number(KindText, at)
	f.words = words
	return f
}

// named is a number of which each bit stands for a text.
func named[T any, N ~uint8 | ~uint64](words []string, at func(*T) *N) *form[T] {
	f := number(KindList, at)
	f.words = words
	return f
}

// wordAgain has other words for the number of the row before.
func wordAgain[T any, N ~uint8](words []string, at func(*T) *N) *form[T] {
	f := word(words, at)
	f.again = true
	return f
}

func numbers[T any](n int, at func(*T, int) *uint32) *form[T] {
	return &form[T]{kind: KindNumbers, store: wire.Numbers, width: 4, count: uint8(n), numbers: at}
}

func computed[T any](at func(View) string) *form[T] {
	return &form[T]{kind: KindText, store: wire.Computed, word: at}
}

// entity is the key of a process, made of two rows of the block.
func entity[T any](pid, ticks string) *form[T] {
	return &form[T]{kind: KindKey, store: wire.Computed, key: [2]string{pid, ticks}}
}

// get returns the number that t has in the row.
func (r *row[T]) get(t *T) uint64 { return wire.Load(r.number(t), r.width) }

func (r *row[T]) set(t *T, n uint64) {
	p := r.number(t)
	switch r.width {
	case 1:
		*(*uint8)(p) = uint8(n)
	case 2:
		*(*uint16)(p) = uint16(n)
	case 4:
		*(*uint32)(p) = uint32(n)
	default:
		*(*uint64)(p) = n
	}
}

// stepsOf finds out where the rows have their values in T.
func stepsOf[T any](rows []row[T], specs []spec) []wire.Step {
	steps := make([]wire.Step, 0, len(rows))
	var t T
	place := func(p unsafe.Pointer) uint16 { return uint16(uintptr(p) - uintptr(unsafe.Pointer(&t))) }
	for i := range rows {
		r := &rows[i]
		s := wire.Step{
			Off: specs[i].off, Limit: uint16(r.max), Cut: uint64(r.cut), Store: r.store, Width: r.width, Count: r.count, Bit: uint8(i),
			Only: uint8(r.only), Maybe: r.maybe != nil, Zero: r.zero, Joined: r.joined, Line: i > 0 && rows[i-1].store == wire.Line,
		}
		switch {
		case r.number != nil:
			s.At = place(r.number(&t))
		case r.maybe != nil:
			s.At = place(unsafe.Pointer(r.maybe(&t)))
		case r.text != nil:
			s.At = place(unsafe.Pointer(r.text(&t)))
		case r.texts != nil:
			s.At = place(unsafe.Pointer(r.texts(&t, 0)))
			s.Stride = place(unsafe.Pointer(r.texts(&t, 1))) - s.At
		case r.numbers != nil:
			s.At = place(unsafe.Pointer(r.numbers(&t, 0)))
			s.Stride = place(unsafe.Pointer(r.numbers(&t, 1))) - s.At
			s.Off += uint16(r.width) // the first number is that of the row before
		case r.pairs != nil:
			s.At = place(unsafe.Pointer(r.pairs(&t)))
		case r.uuid != nil:
			s.At = place(unsafe.Pointer(r.uuid(&t)))
		default:
			continue // computed, or a line
		}
		steps = append(steps, s)
	}
	return wire.Plan(steps)
}
