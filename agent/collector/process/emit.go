package process

import (
	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/event"
)

// The topics of the collector.
const (
	TopicLifecycle = "events.process.lifecycle" // starts, exits, and forks if asked for
	TopicMetadata  = "events.process.metadata"  // the snapshot at the beginning
	TopicGap       = "events.process.gap"       // losses in the kernel
)

// emitter makes events of records. It builds all of them in one buffer.
//
// One goroutine at a time.
type emitter struct {
	emit     collector.Emit
	origin   event.OriginBlock
	sequence *uint64 // of the last event
	buf      []byte
	actor    event.ActorBlock // of the last event
}

func (e *emitter) header(op event.Operation, at moment) event.Header {
	*e.sequence++
	return event.Header{
		Type:      event.TypeProcess,
		Operation: op,
		Sequence:  *e.sequence,
		MonoNs:    at.monoNs,
		WallNs:    at.wallNs,
	}
}

// announce emits what happened to a process. status is that of an exit.
func (e *emitter) announce(op event.Operation, r *record, at moment, how event.Flags, status uint32) {
	h := e.header(op, at)
	h.Flags = r.flags | how
	h.PID = r.pid
	h.StartTicks = r.startTicks
	e.actor.Set(&event.Actor{
		PPID:              r.ppid,
		ParentStartTicks:  r.parent.startTicks,
		UID:               event.Known(uint64(r.uid)),
		GID:               event.Known(uint64(r.gid)),
		Name:              r.image.name,
		Executable:        r.image.executable,
		CommandLine:       r.image.commandLine,
		Directory:         r.image.directory,
		ParentName:        r.parent.name,
		ParentExecutable:  r.parent.executable,
		ParentCommandLine: r.parent.commandLine,
	})
	exit := exitStatus(status) // stands in an exit only
	e.buf = event.Append(e.buf[:0], &h, e.origin, e.actor, &exit)
	topic := TopicLifecycle
	if op == event.OpSnapshot {
		topic = TopicMetadata
	}
	e.emit(collector.Message{Topic: topic, Payload: e.buf, EventType: event.TypeProcess.String(), PID: r.pid})
}

// gap emits that the kernel dropped reports.
func (e *emitter) gap(lost, total uint64, reason string, at moment) {
	h := e.header(event.OpGap, at)
	e.buf = event.Append(e.buf[:0], &h, e.origin, event.ActorBlock{}, &event.Loss{Lost: lost, Total: total, Reason: reason})
	e.emit(collector.Message{Topic: TopicGap, Payload: e.buf, EventType: event.TypeProcess.String()})
}
