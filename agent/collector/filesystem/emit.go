package filesystem

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/emit"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

// The topics of the collector.
const (
	TopicOperations = "events.filesystem.operations"
	TopicBulk       = "events.filesystem.bulk" // many changes by one process in a short time
)

// emitter makes events of changes.
//
// One goroutine at a time.
type emitter struct {
	*emit.Emitter
	reader  *proc.Reader
	finder  *actor.Finder
	encoder *actor.Encoder
	filter  *filter.Filter // nil leaves out nothing
	agent   uint32         // its changes, and those of its collectors, are left out; 0 for none
	self    string         // path of our program
	unknown actor.Process
}

// newEmitter makes an emitter. h is complete; sequence is the number of the last event.
func newEmitter(to collector.Emit, h host.Host, r *proc.Reader, agent uint32, sequence *uint64) *emitter {
	self, _ := os.Executable() // without it our own changes are those of the agent alone
	return &emitter{
		Emitter: emit.New(to, h.Origin(Name), event.TypeFilesystem, sequence),
		reader:  r, finder: actor.NewFinder(r), encoder: actor.NewEncoder(h.Passwd), agent: agent, self: self, unknown: actor.Unknown(0),
	}
}

// who returns the process that made a change, and whether it is one of ours. What is not
// known of it is unread. The process is valid until the next call.
func (e *emitter) who(c *change, at clock.Moment) (p *actor.Process, ours bool) {
	if c.pid == 0 {
		return &e.unknown, false
	}
	p = e.finder.Find(c.pid)
	if c.pidfd >= 0 && e.isAnother(p, c.pidfd) {
		other := actor.Unknown(c.pid)
		return &other, false
	}
	ours = e.agent != 0 && (c.pid == e.agent || c.pid == uint32(os.Getpid()) || p.PPID == e.agent && p.Image.Executable == e.self)
	return p, ours
}

// isAnother reports whether what was found by the pid is a later process than the one that
// the descriptor is of: that one has ended, and the pid is alive. A process of another user
// that we may not send a signal to has not ended.
func (e *emitter) isAnother(p *actor.Process, pidfd int) bool {
	if !errors.Is(unix.PidfdSendSignal(pidfd, 0, nil, 0), unix.ESRCH) || p.StartTicks == 0 {
		return false
	}
	s, ok, err := e.reader.Stat(p.PID)
	return err == nil && ok && !s.Dead() && s.StartTicks == p.StartTicks
}

// file emits what happened to a file.
func (e *emitter) file(op event.Operation, f *event.File, p *actor.Process, how event.Flags, at clock.Moment) {
	e.emit(TopicOperations, op, f, p, how, at)
}

func (e *emitter) emit(topic string, op event.Operation, f *event.File, p *actor.Process, how event.Flags, at clock.Moment) {
	who, flags := e.encoder.Encode(p, at)
	emit.Event(e.Emitter, topic, event.Header{Operation: op, Flags: flags | how, PID: p.PID, StartTicks: p.StartTicks}, at, who, f)
}

// describe adds what a file is.
func describe(f *event.File, s *stamp) {
	f.Type = typeOf(s.mode)
	f.Mode = fmt.Sprintf("%04o", s.mode&0o7777)
	f.UID, f.GID = event.Known(uint64(s.uid)), event.Known(uint64(s.gid))
	f.Inode = s.inode
	if s.mode&unix.S_IFMT == unix.S_IFREG {
		f.Size = event.Known(uint64(s.size))
	}
	if f.Type == "symlink" {
		f.Target, _ = os.Readlink(f.Path) // it may have gone
	}
}

func typeOf(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "dir"
	case unix.S_IFLNK:
		return "symlink"
	case unix.S_IFSOCK:
		return "socket"
	case unix.S_IFIFO:
		return "fifo"
	}
	return "device"
}
