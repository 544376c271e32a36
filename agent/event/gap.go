package event

import "encoding/binary"

// Gap is the event that says that a source lost records before the agent could
// read them. Header.Type says which kind of records.
type Gap struct {
	Header
	Lost   uint64 // since the last gap event of the source; 0 when the kernel does not tell
	Total  uint64 // since the source was opened, as far as known
	Reason string
}

// AppendGap appends the event g to dst and returns the extended buffer. The
// operation is OpGap whatever g.Operation says. It does not allocate when dst
// has room.
func AppendGap(dst []byte, g *Gap) []byte {
	b := newBuilder(dst, &g.Header, gapFixed, gapStrings)
	e := b.b[b.start:]
	e[offOperation] = byte(OpGap)
	binary.LittleEndian.PutUint64(e[offLost:], g.Lost)
	binary.LittleEndian.PutUint64(e[offTotal:], g.Total)
	b.text(g.Reason, MaxReason)
	return b.finish()
}

// GapView reads the fields of a gap event in place. It borrows like the View
// that it was made from.
type GapView struct{ View }

// Gap returns v as a gap event, and whether it is one.
func (v View) Gap() (GapView, bool) {
	if !v.isGap() {
		return GapView{}, false
	}
	return GapView{v}, true
}

// Lost returns how many records were lost since the last gap event of the
// source, 0 when that is not known.
func (g GapView) Lost() uint64 { return g.u64(offLost) }

// Total returns how many were lost since the source was opened, as far as known.
func (g GapView) Total() uint64 { return g.u64(offTotal) }

// Reason returns what was the matter.
func (g GapView) Reason() []byte { return g.text(strReason) }

// Copy returns the event with its text copied.
func (g GapView) Copy() Gap {
	return Gap{Header: g.Header(), Lost: g.Lost(), Total: g.Total(), Reason: string(g.Reason())}
}
