package event

import (
	"encoding/binary"
	"strings"

	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

// Body is what belongs to one table: the part of an event that is not in every
// event.
type Body interface {
	Detail | Connection | File | Usage | Loss
}

// Event is an event to be built, or one that was copied out of its binary form.
type Event[B Body] struct {
	Header
	Origin
	Actor
	Body  B
	Extra []Pair // fields that no table has, of a foreign event
}

// Append appends the binary form of e to dst and returns the extended buffer.
// The body decides which type it is. Only a gap keeps the type of the header, and
// nothing else is of operation OpGap. What is longer than its bound is cut, and the flags
// of the event show it. It does not allocate when dst has room.
func (e *Event[B]) Append(dst []byte) []byte {
	return e.append(dst, forcing{})
}

// forcing are the forced rows of each block.
type forcing struct{ origin, actor, body forced }

func (e *Event[B]) append(dst []byte, force forcing) []byte {
	a := begin[B](dst, &e.Header)
	var cut Flags
	a.b, cut = origin.append(a.block(offOrigin), &e.Origin, 0, force.origin)
	a.end(offOrigin, cut)
	a.b, cut = actor.append(a.block(offActor), &e.Actor, 0, force.actor)
	a.end(offActor, cut)
	appendBody(&a, &e.Body, force.body)
	if len(e.Extra) > 0 {
		var whole bool
		if a.b, whole = wire.AppendPairs(a.block(offExtra), e.Extra, MaxExtra); !whole {
			a.cut |= FieldsDropped
		}
		a.end(offExtra, 0)
	}
	return a.finish()
}

// Append builds an event from blocks that were encoded before: a collector that
// knows where its events come from and who acted builds many from them. It is
// Event.Append in all else.
func Append[B Body](dst []byte, h *Header, o OriginBlock, who ActorBlock, body *B) []byte {
	a := begin[B](dst, h)
	a.b = append(a.block(offOrigin), o.b...)
	a.end(offOrigin, o.cut)
	a.b = append(a.block(offActor), who.b...)
	a.end(offActor, who.cut)
	appendBody(&a, body, forced{})
	return a.finish()
}

func appendBody[B Body](a *assembly, body *B, force forced) {
	var cut Flags
	a.b, cut = blockOf[B]().append(a.block(offBody), body, Operation(a.b[a.start+offOperation]), force)
	a.end(offBody, cut)
}

// blockOf returns the fields of a body.
func blockOf[B Body]() *block[B] {
	var all any
	switch any((*B)(nil)).(type) {
	case *Detail:
		all = detail
	case *Connection:
		all = connection
	case *File:
		all = file
	case *Usage:
		all = usage
	case *Loss:
		all = loss
	}
	return all.(*block[B])
}

// assembly is an event that is being appended to a buffer. It is a value on the
// caller's stack.
type assembly struct {
	b     []byte
	start int // of the event in b
	part  int // of the block that is being appended in b
	cut   Flags
}

func begin[B Body](dst []byte, h *Header) assembly {
	a := assembly{b: append(dst, make([]byte, headSize)...), start: len(dst)}
	e := a.b[a.start:]
	h.put(e)
	e[offVersion] = Version
	t := blockOf[B]().specs[0].table
	e[offTable] = byte(t)
	if t == TableGap {
		e[offType], e[offOperation] = byte(h.Type), byte(OpGap)
		return a
	}
	e[offType] = byte(t)
	if h.Operation != OpGap {
		e[offOperation] = byte(h.Operation)
	}
	return a
}

// block notes in the directory that a block begins, and returns the buffer to
// append it to.
func (a *assembly) block(at int) []byte {
	a.part = len(a.b)
	return a.b
}

// end notes the block that was appended to a.b in the directory, if there is one.
func (a *assembly) end(at int, cut Flags) {
	a.cut |= cut
	if len(a.b) > a.part {
		binary.LittleEndian.PutUint16(a.b[a.start+at:], uint16(a.part-a.start))
	}
}

// finish fills in the length and what was cut, and returns the buffer.
func (a *assembly) finish() []byte {
	e := a.b[a.start:]
	binary.LittleEndian.PutUint32(e[offLength:], uint32(len(e)))
	if a.cut != 0 {
		flags := binary.LittleEndian.Uint64(e[offFlags:]) | uint64(a.cut)
		binary.LittleEndian.PutUint64(e[offFlags:], flags)
	}
	return a.b
}

// Copy returns the event with its text copied, and whether it has such a body:
// for tests, tools and who keeps an event longer than its bytes. It takes fields
// that are unread as they are: with ImageInherited they are from before the exec.
// The parent's command line comes back with spaces, because its arguments are not
// kept apart. A copy does not tell an empty text from one that is not there.
func Copy[B Body](v View) (e Event[B], ok bool) {
	b := blockOf[B]()
	if v.Table() != b.specs[0].table {
		return e, false
	}
	e.Header, e.Origin = v.Header(), v.Origin()
	actor.copy(v, &e.Actor)
	b.copy(v, &e.Body)
	e.Extra = copyPairs(v.extra())
	return e, true
}

func (b *block[T]) copy(v View, t *T) {
	for i := range b.rows {
		r, s := &b.rows[i], &b.specs[i]
		switch r.store {
		case wire.Number:
			switch n, ok := v.number(s); {
			case !ok:
			case r.maybe != nil:
				*r.maybe(t) = Known(n)
			default:
				r.set(t, n)
			}
		case wire.Numbers:
			for j := range int(r.count) {
				n, _ := v.numberAt(s, j+1)
				*r.numbers(t, j) = uint32(n)
			}
		case wire.Text:
			*r.text(t) = string(v.text(s))
		case wire.Texts:
			for j := range int(r.count) {
				*r.texts(t, j) = string(v.textAt(s, j+1))
			}
		case wire.List:
			var all strings.Builder
			for j := range v.length(s) {
				all.Write(v.textAt(s, j))
				all.WriteByte(0)
			}
			*r.text(t) = all.String()
			if all.Len() == 0 { // a line whose texts are not known
				line, _ := v.list(s)
				*r.text(t) = string(line)
			}
		case wire.Pairs:
			*r.pairs(t) = copyPairs(v.text(s))
		case wire.UUID:
			*r.uuid(t) = v.uuid(s)
		}
	}
}
