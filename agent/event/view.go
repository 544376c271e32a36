package event

import (
	"encoding/binary"
	"errors"
	"time"
)

// The errors of Parse. They are values made once: garbage from a peer makes no
// garbage here.
var (
	// ErrShort says that the bytes end before the event does.
	ErrShort = errors.New("event: truncated")
	// ErrVersion says that the event has a layout that this package cannot read.
	ErrVersion = errors.New("event: unknown version")
	// ErrLayout says that the event's own lengths and offsets contradict each other.
	ErrLayout = errors.New("event: bad layout")
)

// View is one event in its binary form, checked by Parse. It borrows the bytes
// that it was made from: it and every slice that it gives are valid as long as
// those are. A View that did not come from Parse may panic.
//
// Immutable, and so safe for concurrent use as long as nobody writes the bytes.
type View []byte

// Parse checks the event at the start of b once and for all, and returns the
// view of exactly that event. What follows it in b is left alone. An event of an
// unknown type or operation is no error: its header can be read.
func Parse(b []byte) (View, error) {
	if len(b) == 0 {
		return nil, ErrShort
	}
	if b[offVersion] != Version {
		return nil, ErrVersion
	}
	if len(b) < headerFixed {
		return nil, ErrShort
	}
	length := uint64(binary.LittleEndian.Uint32(b[offLength:]))
	if length > uint64(len(b)) {
		return nil, ErrShort
	}
	v := View(b[:length:length])
	fixed := uint64(binary.LittleEndian.Uint16(b[offFixed:]))
	n := uint64(b[offStrings])
	if fixed < headerFixed || fixed+n*offsetSize > length {
		return nil, ErrLayout
	}
	if fixed < minFixed(v) {
		return nil, ErrLayout
	}
	if !checkTable(v[fixed:fixed+n*offsetSize], length-fixed-n*offsetSize) {
		return nil, ErrLayout
	}
	if v.isProcess() && !checkArgEnds(v.text(strArgEnds), len(v.text(strCommandLine))) {
		return nil, ErrLayout
	}
	return v, nil
}

func minFixed(v View) uint64 {
	switch {
	case v.isGap():
		return gapFixed
	case v.isProcess():
		return processFixed
	}
	return headerFixed
}

// checkTable holds the ends against the heap's length: they may not decrease.
func checkTable(table []byte, heap uint64) bool {
	last := uint64(0)
	for ; len(table) > 0; table = table[offsetSize:] {
		end := uint64(binary.LittleEndian.Uint32(table))
		if end < last || end > heap {
			return false
		}
		last = end
	}
	return true
}

// checkArgEnds holds the ends of arguments against the command line: between
// two of them lies at least the space.
func checkArgEnds(ends []byte, commandLine int) bool {
	if len(ends)%argEndSize != 0 {
		return false
	}
	least := 0
	for ; len(ends) > 0; ends = ends[argEndSize:] {
		end := int(binary.LittleEndian.Uint16(ends))
		if end < least || end > commandLine {
			return false
		}
		least = end + 1
	}
	return true
}

// text returns string i of the heap, nil when the event has fewer.
func (v View) text(i int) []byte {
	n := int(v[offStrings])
	if i >= n {
		return nil
	}
	fixed := int(binary.LittleEndian.Uint16(v[offFixed:]))
	table, heap := v[fixed:], v[fixed+n*offsetSize:]
	start := uint32(0)
	if i > 0 {
		start = binary.LittleEndian.Uint32(table[(i-1)*offsetSize:])
	}
	end := binary.LittleEndian.Uint32(table[i*offsetSize:])
	return heap[start:end:end]
}

func (v View) u32(off int) uint32 { return binary.LittleEndian.Uint32(v[off:]) }
func (v View) u64(off int) uint64 { return binary.LittleEndian.Uint64(v[off:]) }

func (v View) isGap() bool     { return v.Operation() == OpGap }
func (v View) isProcess() bool { return v.Type() == TypeProcess && !v.isGap() }

// Type returns what the event is about.
func (v View) Type() Type { return Type(v[offType]) }

// Operation returns what happened.
func (v View) Operation() Operation { return Operation(v[offOperation]) }

// Flags returns what could not be read, or is not exact.
func (v View) Flags() Flags { return Flags(v.u64(offFlags)) }

// PID returns the process that acted, 0 for none.
func (v View) PID() uint32 { return v.u32(offPID) }

// StartTicks returns when that process started, in clock ticks since boot.
func (v View) StartTicks() uint64 { return v.u64(offStartTicks) }

// Sequence returns the source's number of the event.
func (v View) Sequence() uint64 { return v.u64(offSequence) }

// MonoNs returns when it happened on CLOCK_MONOTONIC.
func (v View) MonoNs() int64 { return int64(v.u64(offMono)) }

// WallNs returns when it happened in nanoseconds since 1970.
func (v View) WallNs() int64 { return int64(v.u64(offWall)) }

// Time returns when it happened by the wall clock.
func (v View) Time() time.Time { return time.Unix(0, v.WallNs()).UTC() }

// BootID returns which run of the kernel the event is from.
func (v View) BootID() (id [16]byte) {
	copy(id[:], v[offBootID:])
	return id
}

// Host returns the name of the host.
func (v View) Host() []byte { return v.text(strHost) }

// Collector returns the name of the collector that made the event.
func (v View) Collector() []byte { return v.text(strCollector) }

// Header returns a copy of the event's header.
func (v View) Header() Header {
	return Header{
		Type:       v.Type(),
		Operation:  v.Operation(),
		Flags:      v.Flags(),
		PID:        v.PID(),
		StartTicks: v.StartTicks(),
		Sequence:   v.Sequence(),
		MonoNs:     v.MonoNs(),
		WallNs:     v.WallNs(),
		BootID:     v.BootID(),
		Host:       string(v.Host()),
		Collector:  string(v.Collector()),
	}
}
