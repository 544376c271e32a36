package process

import (
	"sync"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/emit"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/integrity"
	"github.com/daemoneye/eventbus/agent/event"
)

// The topics of the collector.
const (
	TopicLifecycle = "events.process.lifecycle" // starts, exits, and forks if asked for
	TopicMetadata  = "events.process.metadata"  // changes of a process: its user and group
	TopicBatch     = "events.process.batch"     // the snapshot at the beginning
	TopicIntegrity = "events.process.integrity" // hashes of programs
	TopicGap       = "events.process.gap"       // losses in the kernel
)

// emitter makes events of records and of findings about programs. Two goroutines may do so
// at the same time: each has the other wait for as long as one event takes.
type emitter struct {
	mu     sync.Mutex
	out    *emit.Emitter     // guarded by mu
	who    *actor.Encoder    // guarded by mu
	filter *filter.Filter    // nil leaves out nothing
	hasher *integrity.Hasher // nil hashes nothing
}

// newEmitter makes an emitter. h is complete; sequence is the number of the last event.
func newEmitter(to collector.Emit, h host.Host, sequence *uint64) *emitter {
	return &emitter{out: emit.New(to, h.Origin(Name), event.TypeProcess, sequence), who: actor.NewEncoder(h.Passwd)}
}

// announce emits what happened to a process, unless that is to be left out. status is that
// of an exit.
func (e *emitter) announce(op event.Operation, r *record, at clock.Moment, how event.Flags, status uint32) {
	d := exitStatus(status) // stands in an exit only
	e.change(op, r, &d, at, how)
}

// change is announce with all of the body.
func (e *emitter) change(op event.Operation, r *record, d *event.Detail, at clock.Moment, how event.Flags) {
	if e.leftOut(op, r) {
		return // nor is its program hashed: whoever runs it next may be wanted
	}
	if op == event.OpStart || op == event.OpSnapshot {
		e.hasher.Note(&r.Process)
	}
	e.emit(op, &r.Process, d, at, how)
}

// leftOut reports whether an event is to be left out. The end of a process is if its begin
// was, whatever it became in between.
func (e *emitter) leftOut(op event.Operation, r *record) bool {
	switch {
	case op == event.OpCredentials: // it may be another user's now
		return !e.filter.Passes(&r.Process)
	case op != event.OpExit:
		r.leftOut = !e.filter.Passes(&r.Process)
	case r.leftOut:
		e.filter.Leave()
	}
	return r.leftOut
}

// topics are those of operations other than the begin and the end of a process.
var topics = map[event.Operation]string{
	event.OpSnapshot: TopicBatch, event.OpCredentials: TopicMetadata, event.OpIntegrity: TopicIntegrity,
}

func (e *emitter) emit(op event.Operation, p *actor.Process, d *event.Detail, at clock.Moment, how event.Flags) {
	topic, ok := topics[op]
	if !ok {
		topic = TopicLifecycle
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	who, flags := e.who.Encode(p, at)
	h := event.Header{Operation: op, Flags: flags | how, PID: p.PID, StartTicks: p.StartTicks}
	emit.Event(e.out, topic, h, at, who, d)
}

// Gap emits that something was lost before we could read it.
func (e *emitter) Gap(l event.Loss, at clock.Moment) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.out.Gap(l, at)
}

// exitStatus turns a status of wait(2) into that of an event: what was given to
// exit, or the signal.
func exitStatus(status uint32) event.Detail {
	if signal := uint8(status & 0x7f); signal != 0 {
		return event.Detail{Code: 128 + signal, Signal: signal}
	}
	return event.Detail{Code: uint8(status >> 8)}
}
