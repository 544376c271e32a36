// Package emit makes messages of what a collector sees: it numbers the events, gives
// them their header and the host's block, and builds all of them in one buffer.
package emit

import (
	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/event"
)

// Emitter emits the events of one type. Function Event emits one, because a method
// cannot be of several bodies.
//
// One goroutine at a time.
type Emitter struct {
	emit     collector.Emit
	origin   event.OriginBlock
	kind     event.Type
	sequence *uint64 // of the last event
	buf      []byte
}

// New makes an emitter of events of type t. sequence is the number of the last event:
// it belongs to the collector, so that a second Run goes on from the first.
func New(emit collector.Emit, o event.Origin, t event.Type, sequence *uint64) *Emitter {
	return &Emitter{emit: emit, origin: o.Encode(), kind: t, sequence: sequence}
}

// Event emits what happened at that moment. Of h it takes operation, flags, pid and
// start; the rest of the header is the emitter's.
func Event[B event.Body](e *Emitter, topic string, h event.Header, at clock.Moment, who event.ActorBlock, body *B) {
	*e.sequence++
	h.Type, h.Sequence, h.MonoNs, h.WallNs = e.kind, *e.sequence, at.MonoNs, at.WallNs
	e.buf = event.Append(e.buf[:0], &h, e.origin, who, body)
	e.emit(collector.Message{Topic: topic, Payload: e.buf, EventType: e.kind.String(), PID: h.PID})
}

// Gap emits that something was lost before we could read it.
func (e *Emitter) Gap(l event.Loss, at clock.Moment) {
	Event(e, GapTopic(e.kind), event.Header{Operation: event.OpGap}, at, event.ActorBlock{}, &l)
}

// GapTopic is the topic of the losses of a type.
func GapTopic(t event.Type) string { return "events." + t.String() + ".gap" }
