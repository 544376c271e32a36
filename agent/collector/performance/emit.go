package performance

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
	TopicUtilization = "events.performance.utilization" // of the host, and of processes that take most
	TopicSystem      = "events.performance.system"      // of each disk, filesystem and interface
	TopicAnomaly     = "events.performance.anomaly"     // figures beyond their limits, and their recovery
)

// emitter makes events of samples.
//
// One goroutine at a time.
type emitter struct {
	*emit.Emitter
	finder *actor.Finder
	who    *actor.Encoder
}

// newEmitter makes an emitter. h is complete; sequence is the number of the last event.
func newEmitter(to collector.Emit, h host.Host, r *reader, sequence *uint64) *emitter {
	return &emitter{
		Emitter: emit.New(to, h.Origin(Name), event.TypePerformance, sequence),
		finder:  actor.NewFinder(r.processes), who: actor.NewEncoder(h.Passwd),
	}
}

// sample emits all of a sample.
func (e *emitter) sample(s *sample, at clock.Moment) {
	h := event.Header{Operation: event.OpSample}
	emit.Event(e.Emitter, TopicUtilization, h, at, event.ActorBlock{}, &s.host)
	for i := range s.processes {
		e.process(&s.processes[i], at)
	}
	for i := range s.disks {
		emit.Event(e.Emitter, TopicSystem, h, at, event.ActorBlock{}, &s.disks[i])
	}
	for i := range s.filesystems {
		u := s.filesystems[i].usage()
		emit.Event(e.Emitter, TopicSystem, h, at, event.ActorBlock{}, &u)
	}
	for i := range s.interfaces {
		emit.Event(e.Emitter, TopicSystem, h, at, event.ActorBlock{}, &s.interfaces[i])
	}
}

// process emits what a process has taken. One that has ended meanwhile is named as far as
// it is known.
func (e *emitter) process(r *running, at clock.Moment) {
	p := e.finder.Find(r.pid)
	who, flags := e.who.Encode(p, at)
	h := event.Header{Operation: event.OpSample, PID: r.pid, StartTicks: p.StartTicks, Flags: flags}
	emit.Event(e.Emitter, TopicUtilization, h, at, who, &r.usage)
}

// anomaly emits that a figure is too high, or has recovered.
func (e *emitter) anomaly(op event.Operation, u *event.Usage, at clock.Moment) {
	emit.Event(e.Emitter, TopicAnomaly, event.Header{Operation: op}, at, event.ActorBlock{}, u)
}

// usage returns the figures of a filesystem as events have them.
func (f *filesystem) usage() event.Usage {
	return event.Usage{
		Mount: f.mount, FilesystemSize: f.bytes.total, FilesystemUsed: f.bytes.used, FilesystemFull: f.full(), Files: f.files, FilesFree: f.filesFree, FilesUsage: f.filesUsed(),
	}
}
