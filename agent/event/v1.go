package event

import (
	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

import "encoding/binary"

// Version 1 had process events and gaps, each with all of its numbers in one
// fixed part and all of its strings in one heap. It is read, and not written.
//
//	 0  u8 version, u8 type, u8 operation, u8 number of strings (n)
//	 4  u16 length of the fixed part (f), u16 reserved
//	 8  as in version 2, up to the wall time at 48
//	56  boot id (16 bytes)
//	72  body, by type and operation
//	 f  n times the end of a string in the heap (u32)
//	 f + 4n  heap
const (
	v1Strings      = 3
	v1Fixed        = 4
	v1HeaderFixed  = 72
	v1ExitCode     = 84
	v1ExitSignal   = 85
	v1ProcessFixed = 96
	v1GapFixed     = 88
	v1EndSize      = 4 // of an entry of the table; those of a list's ends have wire.EndSize
)

// placesInV1 states where version 1 has a field: offset of a number, or string.
var placesInV1 = map[string]int16{
	"process.pid":            offPID,
	"daemoneye.context":      offFlags,
	"daemoneye.start_ticks":  offStartTicks,
	"event.sequence":         offSequence,
	"daemoneye.monotonic_ns": offMono,
	"@timestamp":             offWall,

	"host.boot.id":   56,
	"host.name":      0,
	"event.provider": 1,

	"process.parent.pid":           72,
	"process.ancestors.pid":        72, // of the parent, and no more
	"user.id":                      76,
	"group.id":                     80,
	"process.exit_code":            v1ExitCode, // what the process gave to exit, and 0 with a signal
	"process.exit_signal":          v1ExitSignal,
	"daemoneye.parent_start_ticks": 88,

	"process.name":                2,
	"process.executable":          3,
	"process.command_line":        4,
	"process.args":                4, // and 5
	"process.working_directory":   6,
	"process.parent.name":         7,
	"process.parent.executable":   8,
	"process.parent.command_line": 9,

	"process.ancestors.name":       7, // of the parent, and no more
	"process.ancestors.executable": 8,

	"daemoneye.gap.lost":   72,
	"daemoneye.gap.total":  80,
	"daemoneye.gap.reason": 2,
}

func placeInV1(name string) int16 {
	if place, ok := placesInV1[name]; ok {
		return place
	}
	return -1
}

func checkV1(v View) bool {
	least := v1HeaderFixed
	switch v.Table() {
	case TableGap:
		least = v1GapFixed
	case TableProcess:
		least = v1ProcessFixed
	}
	fixed := v.u16(v1Fixed)
	heap := fixed + int(v[v1Strings])*v1EndSize
	if fixed < least || heap > len(v) {
		return false
	}
	last, limit := uint32(0), uint64(len(v)-heap)
	for table := v[fixed:heap]; len(table) > 0; table = table[v1EndSize:] {
		end := binary.LittleEndian.Uint32(table)
		if end < last || uint64(end) > limit {
			return false
		}
		last = end
	}
	line, ends := v.listV1(args)
	return wire.CheckEnds(ends, len(line))
}

// hasV1 reports whether version 1 has a field in such an event.
func (v View) hasV1(s *spec) bool {
	t := v.Table()
	return s.v1 >= 0 && (s.table == 0 || s.table == t) && (s.at != offActor || t == TableProcess)
}

func (v View) strV1(i int) []byte {
	n := int(v[v1Strings])
	if i >= n {
		return nil
	}
	table := v[v.u16(v1Fixed):]
	heap := table[n*v1EndSize:]
	start := uint32(0)
	if i > 0 {
		start = binary.LittleEndian.Uint32(table[(i-1)*v1EndSize:])
	}
	end := binary.LittleEndian.Uint32(table[i*v1EndSize:])
	return heap[start:end:end]
}

// textV1 is text. Version 1 does not tell an empty text from one that is not
// there.
func (v View) textV1(s *spec) []byte {
	if s.word != nil {
		return constant(s.word(v))
	}
	if (s.store != wire.Text && s.store != wire.Line) || !v.hasV1(s) {
		return nil
	}
	if b := v.strV1(int(s.v1)); len(b) > 0 {
		return b
	}
	return nil
}

func (v View) numberV1(s *spec) (uint64, bool) {
	if !v.hasV1(s) || (s.table == TableProcess && v.Operation() != OpExit) {
		return 0, false
	}
	n := v.uint(int(s.v1), s.width)
	if s.v1 == v1ExitCode && s.table == TableProcess && v[v1ExitSignal] != 0 {
		n = 128 + uint64(v[v1ExitSignal])
	}
	return n, s.zero || n != 0
}

// itemV1 returns text i of a run: the parent is all that it has.
func (v View) itemV1(s *spec, i int) []byte {
	if i > 0 || !v.hasV1(s) {
		return nil
	}
	return v.strV1(int(s.v1))
}

func (v View) numberItemV1(s *spec, i int) (uint64, bool) {
	if i > 0 || !v.hasV1(s) {
		return 0, false
	}
	n := v.uint(int(s.v1), s.width)
	return n, n != 0
}

func (v View) listV1(s *spec) (line, ends []byte) {
	if s.store != wire.List || !v.hasV1(s) {
		return nil, nil
	}
	return v.strV1(int(s.v1)), v.strV1(int(s.v1) + 1)
}
