package event

import (
	"encoding/binary"
	"errors"

	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

// The errors of Parse. They are values made once: garbage from a peer makes no
// garbage here.
var (
	// ErrShort means that the bytes end before the event does.
	ErrShort = errors.New("event: truncated")
	// ErrVersion means that the event has a layout that this package cannot read.
	ErrVersion = errors.New("event: unknown version")
	// ErrLayout means that the event's own lengths and offsets contradict each other.
	ErrLayout = errors.New("event: bad layout")
)

// Parse checks the event at the start of b once and for all, and returns the
// view of exactly that event. What follows it in b is left alone. An event of an
// unknown type, operation or table is no error: head, origin and actor can be
// read.
func Parse(b []byte) (View, error) {
	if len(b) == 0 {
		return nil, ErrShort
	}
	least := headSize
	switch b[offVersion] {
	case Version:
	case 1:
		least = v1HeaderFixed
	default:
		return nil, ErrVersion
	}
	if len(b) < least {
		return nil, ErrShort
	}
	length := uint64(binary.LittleEndian.Uint32(b[offLength:]))
	if length > uint64(len(b)) {
		return nil, ErrShort
	}
	if length < uint64(least) {
		return nil, ErrLayout
	}
	v := View(b[:length:length])
	if v[offVersion] == 1 {
		if !checkV1(v) {
			return nil, ErrLayout
		}
		return v, nil
	}
	if !check(v) {
		return nil, ErrLayout
	}
	return v, nil
}

// check holds the directory of v and its blocks against each other.
func check(v View) bool {
	if len(v) > MaxSize || v.Table() != tableOf(v.Type(), v.Operation()) {
		return false
	}
	// From the last block to the first: each ends where the one behind it begins.
	end := len(v)
	if at := v.u16(offExtra); at != 0 {
		if at < headSize || at > end || !wire.CheckPairs(v[at:]) {
			return false
		}
		end = at
	}
	for _, place := range [...]int{offBody, offActor, offOrigin} {
		at := v.u16(place)
		if at == 0 {
			continue
		}
		if at < headSize || at > end || !wire.Check(v[at:end]) {
			return false
		}
		end = at
	}
	return checkStrings(v, labels) && checkStrings(v, args) && checkStrings(v, answers)
}

// The fields that are more than one string or number, which Parse looks into.
var (
	labels  = origin.named("labels")
	args    = actor.named("process.args")
	answers = connection.named("dns.answers.data")
)

func checkStrings(v View, s *spec) bool {
	base := v.base(s)
	if base == 0 {
		return true
	}
	if s.store == wire.Pairs {
		return wire.CheckPairs(v.str(base, int(s.index)))
	}
	return wire.CheckEnds(v.str(base, int(s.index)+1), len(v.str(base, int(s.index))))
}
