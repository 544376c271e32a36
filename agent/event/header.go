package event

import "encoding/binary"

// Header is what every event carries.
type Header struct {
	Type       Type
	Operation  Operation
	Flags      Flags
	PID        uint32   // of the process that acted; 0 for none
	StartTicks uint64   // when that process started, in clock ticks since boot, as in /proc/PID/stat
	Sequence   uint64   // of the source: each event one more than the one before
	MonoNs     int64    // CLOCK_MONOTONIC
	WallNs     int64    // since 1970, UTC
	BootID     [16]byte // /proc/sys/kernel/random/boot_id
	Host       string
	Collector  string
}

// builder appends one event to a buffer. It is a value on the caller's stack.
type builder struct {
	b     []byte
	start int // of the event in b
	table int // of the next entry of the offset table in b
	heap  int // of the heap in b
}

// zeros makes room for the fixed part and the table of the largest body.
var zeros [processFixed + processStrings*offsetSize]byte

func newBuilder(dst []byte, h *Header, fixed, strings int) builder {
	start := len(dst)
	dst = append(dst, zeros[:fixed+strings*offsetSize]...)
	e := dst[start:]
	e[offVersion] = Version
	e[offType] = byte(h.Type)
	e[offOperation] = byte(h.Operation)
	e[offStrings] = byte(strings)
	le := binary.LittleEndian
	le.PutUint16(e[offFixed:], uint16(fixed))
	le.PutUint32(e[offPID:], h.PID)
	le.PutUint64(e[offFlags:], uint64(h.Flags))
	le.PutUint64(e[offStartTicks:], h.StartTicks)
	le.PutUint64(e[offSequence:], h.Sequence)
	le.PutUint64(e[offMono:], uint64(h.MonoNs))
	le.PutUint64(e[offWall:], uint64(h.WallNs))
	copy(e[offBootID:], h.BootID[:])
	b := builder{b: dst, start: start, table: start + fixed, heap: len(dst)}
	b.text(h.Host, MaxHost)
	b.text(h.Collector, MaxName)
	return b
}

// text appends the next string of the heap.
func (b *builder) text(s string, limit int) {
	b.b = append(b.b, cut(s, limit)...)
	b.endString()
}

// endString ends the string that was appended to b.b.
func (b *builder) endString() {
	binary.LittleEndian.PutUint32(b.b[b.table:], uint32(len(b.b)-b.heap))
	b.table += offsetSize
}

// finish fills in the length and returns the buffer.
func (b *builder) finish() []byte {
	binary.LittleEndian.PutUint32(b.b[b.start+offLength:], uint32(len(b.b)-b.start))
	return b.b
}
