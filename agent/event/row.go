package event

import "unsafe"

// row is one field of a block, and all that is known about it: builder, reader,
// copy, JSON, look-up and documentation follow it. T is the struct that the
// block is built from.
type row[T any] struct {
	name    string    // in the Elastic Common Schema, or below daemoneye
	sigma   string    // its names in Sigma rules, a space between two
	unread  Flags     // any of them says that it could not be read
	partial Flags     // any of them says that it is not all there
	only    Operation // the one that has it; 0: all
	doc     string
	form[T]
}

// store is how a field lies in its block.
type store uint8

const (
	storeNumber   store = iota + 1 // in the fixed part
	storeNumbers                   // several, one behind the other
	storeUUID                      // 16 bytes of the fixed part
	storeText                      // a string of the heap
	storeTexts                     // several strings, one behind the other
	storeList                      // two: texts with a space between them, and where each ends
	storeLine                      // the first of these two, which the next row has
	storePairs                     // one that holds names and values: see pairs.go
	storeComputed                  // nowhere: it follows from others
)

// form is how a field lies in its block, and where it stands in T. A field that
// T has no value of is absent.
type form[T any] struct {
	kind  Kind
	store store

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

func text[T any](limit int, at func(*T) *string) form[T] {
	return form[T]{kind: KindText, store: storeText, max: limit, text: at, cut: TextTruncated}
}

// joined is a text made of texts that end with a NUL each.
func joined[T any](limit int, at func(*T) *string) form[T] {
	f := text(limit, at)
	f.joined = true
	return f
}

// list is of texts that end with a NUL each (the last one may do without). The
// row before it may be a line, which reads them as one text.
func list[T any](limit int, cut Flags, at func(*T) *string) form[T] {
	return form[T]{kind: KindList, store: storeList, max: limit, text: at, cut: cut}
}

func line[T any]() form[T] { return form[T]{kind: KindText, store: storeLine} }

// texts is a run; what is too long in it is cut at its start.
func texts[T any](n, limit int, at func(*T, int) *string) form[T] {
	return form[T]{kind: KindList, store: storeTexts, count: uint8(n), max: limit, texts: at, cut: TextTruncated}
}

func pairs[T any](limit int, at func(*T) *[]Pair) form[T] {
	return form[T]{kind: KindPairs, store: storePairs, max: limit, pairs: at, cut: TextTruncated}
}

func uuid[T any](at func(*T) *[16]byte) form[T] {
	return form[T]{kind: KindKey, store: storeUUID, width: 16, uuid: at}
}

// number is absent when it is 0.
func number[T any, N ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~int64](kind Kind, at func(*T) *N) form[T] {
	return form[T]{
		kind: kind, store: storeNumber, width: uint8(unsafe.Sizeof(N(0))),
		number: func(t *T) unsafe.Pointer { return unsafe.Pointer(at(t)) },
	}
}

// always is a number that is always there.
func always[T any, N ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~int64](kind Kind, at func(*T) *N) form[T] {
	f := number(kind, at)
	f.zero = true
	return f
}

// maybe is a number of width bytes that may be missing.
func maybe[T any](kind Kind, width uint8, at func(*T) *Number) form[T] {
	return form[T]{kind: kind, store: storeNumber, width: width, zero: true, maybe: at}
}

// word is a number that rules and JSON see as a text.
func word[T any, N ~uint8](words []string, at func(*T) *N) form[T] {
	f := number(KindText, at)
	f.words = words
	return f
}

// named is a number of which each bit stands for a text.
func named[T any, N ~uint8 | ~uint64](words []string, at func(*T) *N) form[T] {
	f := number(KindList, at)
	f.words = words
	return f
}

// wordAgain has other words for the number of the row before.
func wordAgain[T any, N ~uint8](words []string, at func(*T) *N) form[T] {
	f := word(words, at)
	f.again = true
	return f
}

func numbers[T any](n int, at func(*T, int) *uint32) form[T] {
	return form[T]{kind: KindNumbers, store: storeNumbers, width: 4, count: uint8(n), numbers: at}
}

func computed[T any](at func(View) string) form[T] {
	return form[T]{kind: KindText, store: storeComputed, word: at}
}

// entity is the key of a process, made of two rows of the block.
func entity[T any](pid, ticks string) form[T] {
	return form[T]{kind: KindKey, store: storeComputed, key: [2]string{pid, ticks}}
}

// get returns the number that t has in the row.
func (r *row[T]) get(t *T) uint64 { return load(r.number(t), r.width) }

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

// Number is a number that may be missing, as it is in the zero Number. It cannot
// hold the largest uint64.
type Number uint64

// Known returns the Number that is n.
func Known(n uint64) Number { return Number(n + 1) }

// Get returns the number, and whether there is one.
func (n Number) Get() (uint64, bool) { return uint64(n) - 1, n != 0 }
