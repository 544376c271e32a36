package event

import (
	"encoding/hex"
	"iter"
	"strconv"

	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

// View is one event in its binary form, checked by Parse. It borrows the bytes
// that it was made from: it and every slice that it gives are valid as long as
// those are, and nobody may write to them. A View that did not come from Parse
// may panic.
//
// A field that the event does not have, or that its flag calls unread, reads
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
	if v.u32(0)&s.mask != s.match {
		return v.text(s)
	}
	// The usual case is written out, because a rule engine spends its time here
	// (BenchmarkEvent, op=text): version and table are right, and it is one string.
	base := v.u16(int(s.at))
	if base == 0 || !v.has(base, s) || s.index >= v[base+wire.OffStrings] {
		return nil
	}
	end := base + v.u16(base+wire.OffFixed)
	heap := end + int(v[base+wire.OffStrings])*wire.EndSize
	end += int(s.index) * wire.EndSize
	start := heap
	if s.index > 0 {
		start += v.u16(end - wire.EndSize)
	}
	end = heap + v.u16(end)
	return v[start:end:end]
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
	return func(yield func(name, value []byte) bool) { wire.EachPair(v.pairsOf(f), yield) }
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
	return func(yield func(name, value []byte) bool) { wire.EachPair(v.extra(), yield) }
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
	case s.store == wire.UUID:
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

// BootID returns which run of the kernel the event is from, zeros when that is
// not known.
func (v View) BootID() [16]byte { return v.uuid(bootID) }

var bootID = origin.named("host.boot.id")
