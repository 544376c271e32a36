package process

import (
	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/emit"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/event"
)

// The topics of the collector.
const (
	TopicLifecycle = "events.process.lifecycle" // starts, exits, and forks if asked for
	TopicMetadata  = "events.process.metadata"  // the snapshot at the beginning
	TopicGap       = "events.process.gap"       // losses in the kernel
)

// emitter makes events of records.
//
// One goroutine at a time.
type emitter struct {
	*emit.Emitter
	who *actor.Encoder
}

// newEmitter makes an emitter. h is complete; sequence is the number of the last event.
func newEmitter(to collector.Emit, h host.Host, sequence *uint64) *emitter {
	return &emitter{emit.New(to, h.Origin(Name), event.TypeProcess, sequence), actor.NewEncoder(h.Passwd)}
}

// announce emits what happened to a process. status is that of an exit.
func (e *emitter) announce(op event.Operation, r *record, at clock.Moment, how event.Flags, status uint32) {
	who, flags := e.who.Encode(&r.Process, at)
	h := event.Header{Operation: op, Flags: flags | how, PID: r.PID, StartTicks: r.StartTicks}
	exit := exitStatus(status) // stands in an exit only
	topic := TopicLifecycle
	if op == event.OpSnapshot {
		topic = TopicMetadata
	}
	emit.Event(e.Emitter, topic, h, at, who, &exit)
}
