package event

import (
	"encoding/binary"
	"time"
)

// Header is what an event has of itself: what happened, when, to which process,
// and how far that is known. It is the head of the event.
type Header struct {
	Type       Type
	Operation  Operation
	Flags      Flags
	PID        uint32 // of the process that acted; 0 for none
	StartTicks uint64 // when that process started, in clock ticks since boot, as in /proc/PID/stat
	Sequence   uint64 // of the source: each event one more than the one before
	MonoNs     int64  // CLOCK_MONOTONIC
	WallNs     int64  // since 1970, UTC
}

// head is the table of the head. Its numbers lie behind the length, in this
// order.
var head = newBlock(0, 0, offPID,
	row[Header]{name: "process.pid", sigma: "ProcessId", doc: "pid of the process that acted",
		form: number(KindNumber, func(h *Header) *uint32 { return &h.PID })},
	row[Header]{name: "daemoneye.context", doc: "flags that say in which way the event is incomplete",
		form: named(flagNames[:], func(h *Header) *Flags { return &h.Flags })},
	row[Header]{name: "daemoneye.start_ticks", doc: "start of the process, clock ticks since boot",
		form: number(KindNumber, func(h *Header) *uint64 { return &h.StartTicks })},
	row[Header]{name: "event.sequence", doc: "number of the event at its source",
		form: always(KindNumber, func(h *Header) *uint64 { return &h.Sequence })},
	row[Header]{name: "daemoneye.monotonic_ns", doc: "when it happened, CLOCK_MONOTONIC",
		form: always(KindNumber, func(h *Header) *int64 { return &h.MonoNs })},
	row[Header]{name: "@timestamp", sigma: "UtcTime", doc: "when it happened",
		form: always(KindTime, func(h *Header) *int64 { return &h.WallNs })},

	row[Header]{name: "event.action", doc: "what happened: start, exit, connect and so on",
		form: computed[Header](func(v View) string { return v.Operation().String() })},
	row[Header]{name: "event.kind", doc: "event, or metric for a measurement",
		form: computed[Header](kindOf)},
	row[Header]{name: "event.category", doc: "what it is about: process, network, file or host",
		form: computed[Header](func(v View) string { return nameOf(category[:], uint8(v.Type())) })},
	row[Header]{name: "event.type", doc: "operation in the schema's words",
		form: computed[Header](func(v View) string { return v.Operation().names().ecs })},
	row[Header]{name: "process.entity_id", doc: "key of the process: boot id, pid, start ticks",
		form: entity[Header]("process.pid", "daemoneye.start_ticks")},
)

// put writes the numbers of the head. They stand here once more, because a walk over
// the table would be a third of what it costs to build an event from blocks; every
// test that reads a head holds them against it.
func (h *Header) put(e []byte) {
	le := binary.LittleEndian
	le.PutUint32(e[offPID:], h.PID)
	le.PutUint64(e[offFlags:], uint64(h.Flags))
	le.PutUint64(e[offStartTicks:], h.StartTicks)
	le.PutUint64(e[offSequence:], h.Sequence)
	le.PutUint64(e[offMono:], uint64(h.MonoNs))
	le.PutUint64(e[offWall:], uint64(h.WallNs))
}

func kindOf(v View) string {
	if v.Operation() == OpSample {
		return "metric"
	}
	return "event"
}

// Type returns what the event is about.
func (v View) Type() Type { return Type(v[offType]) }

// Operation returns what happened.
func (v View) Operation() Operation { return Operation(v[offOperation]) }

// Table returns which fields the event has.
func (v View) Table() Table {
	if v[offVersion] == 1 {
		return tableOf(v.Type(), v.Operation())
	}
	return Table(v[offTable])
}

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

// Header returns a copy of the event's head.
func (v View) Header() Header {
	h := Header{Type: v.Type(), Operation: v.Operation()}
	head.copy(v, &h)
	return h
}
