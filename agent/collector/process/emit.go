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
	users    users
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
	h.Flags |= e.setActor(r, at)
	exit := exitStatus(status) // stands in an exit only
	e.buf = event.Append(e.buf[:0], &h, e.origin, e.actor, &exit)
	topic := TopicLifecycle
	if op == event.OpSnapshot {
		topic = TopicMetadata
	}
	e.emit(collector.Message{Topic: topic, Payload: e.buf, EventType: event.TypeProcess.String(), PID: r.pid})
}

// setActor encodes who a process is. It returns the flags of what it cannot name.
func (e *emitter) setActor(r *record, at moment) (unnamed event.Flags) {
	if r.started.ticks != r.startTicks {
		r.started = started{r.startTicks, at.started(r.startTicks)}
	}
	a := event.Actor{
		Name:        r.image.name,
		Executable:  r.image.executable,
		CommandLine: r.image.commandLine,
		Directory:   r.image.directory,
		StartNs:     r.started.ns,
		Container:   r.cgroup.container,
		Unit:        r.cgroup.unit,
		PPID:        r.ppid,
	}
	if !r.flags.Has(event.UserUnread) || r.flags.Has(event.ImageInherited) {
		a.UID, a.GID = event.Known(uint64(r.uid)), event.Known(uint64(r.gid))
		if a.User = e.users.name(r.uid, at.monoNs); a.User == "" {
			unnamed |= event.UserNameUnread
		}
	}
	if r.login != nobody {
		a.LoginUID = event.Known(uint64(r.login))
		if a.LoginUser = e.users.name(r.login, at.monoNs); a.LoginUser == "" {
			unnamed |= event.LoginNameUnread
		}
	}
	if p := r.above[0]; p != nil {
		a.ParentStartTicks, a.ParentName, a.ParentExecutable, a.ParentCommandLine = p.startTicks, p.name, p.executable, p.commandLine
	}
	for i, p := range r.above[1:] {
		if p != nil {
			a.Ancestors[i] = event.Ancestor{PID: p.pid, Name: p.name, Executable: p.executable}
		}
	}
	e.actor.Set(&a)
	return unnamed
}

// gap emits that the kernel dropped reports.
func (e *emitter) gap(lost, total uint64, reason string, at moment) {
	h := e.header(event.OpGap, at)
	e.buf = event.Append(e.buf[:0], &h, e.origin, event.ActorBlock{}, &event.Loss{Lost: lost, Total: total, Reason: reason})
	e.emit(collector.Message{Topic: TopicGap, Payload: e.buf, EventType: event.TypeProcess.String()})
}
