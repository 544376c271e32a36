package ebpf

// extract makes a description of just the types with these names and of what lies inside
// of them.
func extract(raw []byte, names map[string]bool) (few []byte, err error) {
	x := extraction{numbers: map[uint32]uint32{0: 0}, places: map[string]uint32{"": 0}, strings: []byte{0}}
	x.from, err = describe(raw, func(id uint32, name []byte) {
		if names[string(essential(name))] {
			x.number(id)
		}
	})
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(x.ids); i++ { // more come to it on the way
		if !x.add(x.ids[i]) {
			return nil, errTypes
		}
	}
	few = le.AppendUint16(nil, btfMagic)
	few = append(few, 1, 0) // version and flags
	for _, n := range []int{btfHeader, 0, len(x.types), len(x.types), len(x.strings)} {
		few = le.AppendUint32(few, uint32(n))
	}
	return append(append(few, x.types...), x.strings...), nil
}

// extraction is a description that is made of a part of another.
type extraction struct {
	from    described
	ids     []uint32          // of types in from, in the order of their numbers here
	numbers map[uint32]uint32 // of types here, by those in from
	types   []byte
	strings []byte
	places  map[string]uint32 // in strings
}

// number returns what the number of a type is here.
func (x *extraction) number(id uint32) uint32 {
	n, ok := x.numbers[id]
	if !ok {
		x.ids = append(x.ids, id)
		n = uint32(len(x.ids))
		x.numbers[id] = n
	}
	return n
}

// place returns where the text that lies at an offset in from lies here.
func (x *extraction) place(offset uint32) uint32 {
	name := x.from.name(offset)
	at, ok := x.places[string(name)]
	if !ok {
		at = uint32(len(x.strings))
		x.strings = append(append(x.strings, name...), 0)
		x.places[string(name)] = at
	}
	return at
}

// inside returns the number here of a type that another one is made of, and that of no
// type for a function, which has no size.
func (x *extraction) inside(id uint32) uint32 {
	if uint64(id) < uint64(len(x.from.offsets)) && id != 0 {
		if kind, _ := kindOf(le.Uint32(x.from.types[x.from.offsets[id]+4:])); kind == kindFuncProto {
			return 0
		}
	}
	return x.number(id)
}

// add adds a type, and gives a number to what it is made of. It reports whether it could.
func (x *extraction) add(id uint32) bool {
	if uint64(id) >= uint64(len(x.from.offsets)) {
		return false
	}
	t := x.from.types[x.from.offsets[id]:]
	info, last := le.Uint32(t[4:]), le.Uint32(t[8:])
	kind, parts := kindOf(info)
	switch kind {
	case kindPointer:
		last = 0
	case kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag:
		last = x.inside(last)
	}
	x.put(x.place(le.Uint32(t)), info, last)
	part := t[12:]
	word := func(i uint32) uint32 { return le.Uint32(part[4*i:]) }
	switch kind {
	case kindPointer, kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag, kindForward, kindFloat:
	case kindInt:
		x.put(word(0))
	case kindArray:
		x.put(x.inside(word(0)), x.inside(word(1)), word(2))
	case kindStruct, kindUnion:
		for i := range parts {
			x.put(x.place(word(3*i)), x.inside(word(3*i+1)), word(3*i+2))
		}
	case kindEnum:
		for i := range parts {
			x.put(x.place(word(2*i)), word(2*i+1))
		}
	case kindEnum64:
		for i := range parts {
			x.put(x.place(word(3*i)), word(3*i+1), word(3*i+2))
		}
	default: // of which no type is made
		return false
	}
	return true
}

func (x *extraction) put(words ...uint32) {
	for _, w := range words {
		x.types = le.AppendUint32(x.types, w)
	}
}
