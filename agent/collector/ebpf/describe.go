package ebpf

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// le is the order of bytes of what the kernel and the programs have: those are built for
// machines with it.
var le = binary.LittleEndian

var errTypes = errors.New("it is no description of types that we can read")

// The kinds of types, as in include/uapi/linux/btf.h.
const (
	kindInt       = 1
	kindPointer   = 2
	kindArray     = 3
	kindStruct    = 4
	kindUnion     = 5
	kindEnum      = 6
	kindForward   = 7
	kindTypedef   = 8
	kindVolatile  = 9
	kindConst     = 10
	kindRestrict  = 11
	kindFunc      = 12
	kindFuncProto = 13
	kindVar       = 14
	kindDatasec   = 15
	kindFloat     = 16
	kindDeclTag   = 17
	kindTypeTag   = 18
	kindEnum64    = 19
)

// behind is how many bytes follow the 12 of a type, once and for each of its parts, by its
// kind.
var behind = [...]struct{ once, each uint32 }{
	kindInt: {once: 4}, kindArray: {once: 12}, kindStruct: {each: 12}, kindUnion: {each: 12}, kindEnum: {each: 8},
	kindFuncProto: {each: 8}, kindVar: {once: 4}, kindDatasec: {each: 12}, kindDeclTag: {once: 4}, kindEnum64: {each: 12},
}

const (
	btfMagic  = 0xeb9f
	btfHeader = 24 // magic, version, flags, its length, and place and length of types and of strings
)

// described is a description of types (Documentation/bpf/btf.rst).
type described struct {
	types   []byte
	strings []byte
	offsets []uint32 // of each type in types; the first one is of no type
}

// describe finds where each type lies, and calls found for each with a name that has the
// kind of one that a program can ask for.
func describe(raw []byte, found func(id uint32, name []byte)) (d described, err error) {
	if len(raw) < btfHeader {
		return d, errTypes
	}
	if le.Uint16(raw) != btfMagic {
		return d, errTypes
	}
	header := uint64(le.Uint32(raw[4:]))
	part := func(at int) []byte {
		from, length := header+uint64(le.Uint32(raw[at:])), uint64(le.Uint32(raw[at+4:]))
		if from+length > uint64(len(raw)) {
			err = errTypes
			return nil
		}
		return raw[from : from+length]
	}
	d.types, d.strings = part(8), part(16)
	if err != nil {
		return d, err
	}
	d.offsets = append(make([]uint32, 0, len(d.types)/24), 0)
	for at := uint64(0); at < uint64(len(d.types)); {
		if at+12 > uint64(len(d.types)) {
			return d, errTypes
		}
		t := d.types[at:]
		kind, parts := kindOf(le.Uint32(t[4:]))
		if kind == 0 || kind > kindEnum64 {
			return d, errTypes
		}
		id := uint32(len(d.offsets))
		d.offsets = append(d.offsets, uint32(at))
		switch kind {
		case kindStruct, kindUnion, kindEnum, kindEnum64, kindTypedef, kindInt, kindFloat:
			if name := d.name(le.Uint32(t)); len(name) > 0 {
				found(id, name)
			}
		}
		at += 12
		if int(kind) < len(behind) {
			at += uint64(behind[kind].once) + uint64(behind[kind].each)*uint64(parts)
		}
		if at > uint64(len(d.types)) {
			return d, errTypes
		}
	}
	return d, nil
}

// kindOf splits the word that holds what a type is.
func kindOf(info uint32) (kind, parts uint32) { return info >> 24 & 0x1f, info & 0xffff }

// name is the text at an offset in the strings, nil where there is none.
func (d *described) name(offset uint32) []byte {
	if offset == 0 || uint64(offset) >= uint64(len(d.strings)) {
		return nil
	}
	text := d.strings[offset:]
	if end := bytes.IndexByte(text, 0); end >= 0 {
		return text[:end]
	}
	return nil
}
