package event

import (
	"fmt"
	"unsafe"

	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

// spec is a row as a reader needs it: what does not depend on the struct that
// the block is built from.
type spec struct {
	name, sigma, doc string
	kind             Kind
	store            wire.Store
	unread, partial  Flags
	table            Table  // of a body's field; 0: of every event
	at               uint8  // where the head has the block's place; 0: the field lies in the head
	bit              uint8  // of those that show which fields are there
	index            uint8  // of its string, of the first one of several
	count            uint8  // of several strings or numbers
	width            uint8  // of a number
	off              uint16 // of its number in the block
	zero             bool   // 0 is a number of it
	mask, match      uint32 // of the first bytes of an event of version 2 in which it is one string; see View.Text
	words            []string
	label            string // the one that is meant
	inherit          bool   // what was inherited counts as read
	word             func(View) string
	pid, ticks       *spec // what the key of a process is made of
	v1               int16 // its place in version 1, a string or an offset; -1: none
}

// block is one part of an event with its fields.
type block[T any] struct {
	rows    []row[T]
	specs   []spec  // of the rows
	shapes  []shape // by operation; of a later one the first
	whole   shape   // of all rows
	fixed   int     // bytes of the fixed part
	strings int
}

// shape is the block without the rows at its end that an operation does not have: it is
// built as an earlier version would build it, which did not know them.
type shape struct {
	wire.Shape
	rows int
}

// shape returns the block of an operation. force may have rows that it lacks.
func (b *block[T]) shape(op Operation, force uint64) *shape {
	s := &b.shapes[0]
	if int(op) < len(b.shapes) {
		s = &b.shapes[op]
	}
	if force>>s.rows != 0 {
		return &b.whole
	}
	return s
}

// newBlock places the rows in their order: numbers behind the first start bytes
// of the fixed part, strings in the heap.
func newBlock[T any](at uint8, table Table, start int, rows ...row[T]) *block[T] {
	if len(rows) > 64 {
		panic("event: a block has bits for 64 fields")
	}
	b := &block[T]{rows: rows, specs: make([]spec, len(rows)), fixed: start}
	upTo := make([]shape, len(rows)+1) // without the rows from there on
	upTo[0].Fixed = start
	for i := range rows {
		r, s := &rows[i], &b.specs[i]
		*s = spec{
			name: r.name, sigma: r.sigma, doc: r.doc, kind: r.kind, store: r.store, unread: r.unread, partial: r.partial, table: table,
			at: at, bit: uint8(i), count: r.count, width: r.width, words: r.words, word: r.word,
			zero: r.zero, v1: placeInV1(r.name),
		}
		s.mask, s.match = ^uint32(0), 0 // no event has version 0
		if r.store == wire.Text || r.store == wire.Line {
			s.mask, s.match = 0xff, Version
			if table != 0 {
				s.mask, s.match = 0xff0000ff, Version|uint32(table)<<24
			}
		}
		b.place(s)
		if r.again {
			s.off = b.specs[i-1].off
			b.fixed -= int(s.width)
		}
		upTo[i+1] = shape{wire.Shape{Fixed: b.fixed, Strings: b.strings}, i + 1}
	}
	for i := range rows {
		b.specs[i].pid, b.specs[i].ticks = b.named(rows[i].key[0]), b.named(rows[i].key[1])
	}
	steps := stepsOf(rows, b.specs)
	for i := range upTo {
		n := 0
		for n < len(steps) && int(steps[n].Bit) < i {
			n++
		}
		upTo[i].Steps = steps[:n]
	}
	b.whole = upTo[len(rows)]
	for op := range operations {
		n := len(rows)
		for n > 0 && rows[n-1].only != 0 && rows[n-1].only != Operation(op) {
			n--
		}
		b.shapes = append(b.shapes, upTo[n])
	}
	return b
}

// named returns the row of that name, nil where there is none.
func (b *block[T]) named(name string) *spec {
	for i := range b.specs {
		if b.specs[i].name == name {
			return &b.specs[i]
		}
	}
	return nil
}

func (b *block[T]) place(s *spec) {
	s.index, s.off = uint8(b.strings), uint16(b.fixed)
	switch s.store {
	case wire.Number, wire.UUID:
		b.fixed += int(s.width)
	case wire.Numbers:
		b.fixed += int(s.width * s.count)
		s.off -= uint16(s.width) // the row before is the first element
		s.count++
	case wire.Text, wire.Pairs:
		b.strings++
	case wire.Texts:
		b.strings += int(s.count)
		s.index--
		s.count++
	case wire.List:
		b.strings += 2
	}
}

// where returns where the field lies, for people.
func (s *spec) where() string {
	part := "head"
	switch s.at {
	case offOrigin:
		part = "origin"
	case offActor:
		part = "actor"
	case offBody:
		part = "body"
	}
	switch s.store {
	case wire.Number, wire.UUID:
		return fmt.Sprintf("%s +%d u%d", part, s.off, 8*int(s.width))
	case wire.Numbers:
		return fmt.Sprintf("%s +%d %d u%d", part, s.off, s.count, 8*int(s.width))
	case wire.Text, wire.Pairs, wire.Line:
		return fmt.Sprintf("%s string %d", part, s.index)
	case wire.Texts:
		return fmt.Sprintf("%s strings %d-%d", part, s.index, s.index+s.count-1)
	case wire.List:
		return fmt.Sprintf("%s strings %d,%d", part, s.index, s.index+1)
	}
	return "computed"
}

// forced are rows that are there although their value stands for none, because a
// foreign event may have an empty text, or the number 0; and such that are not,
// although they have one.
type forced struct{ there, absent uint64 }

// append appends the block built from t, and returns what was cut. A block in
// which nothing is there is left out. op decides about the rows that one
// operation only has.
func (b *block[T]) append(dst []byte, t *T, op Operation, force forced) ([]byte, Flags) {
	as := b.shape(op, force.there)
	if as.rows == 0 {
		return dst, 0
	}
	dst, cut := as.Append(dst, unsafe.Pointer(t), uint8(op), force.there, force.absent)
	return dst, Flags(cut)
}
