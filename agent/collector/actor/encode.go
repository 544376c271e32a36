package actor

import (
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/redact"
	"github.com/daemoneye/eventbus/agent/event"
)

// Encoder makes the actor's block of events.
//
// One goroutine at a time.
type Encoder struct {
	Redact *redact.Redactor // of command lines; nil for none

	users users
	actor event.Actor      // of the last process, kept so that it is not allocated for each event
	block event.ActorBlock // the same in its binary form
}

// NewEncoder makes an encoder that names users as the file at passwd does.
func NewEncoder(passwd string) *Encoder { return &Encoder{users: users{path: passwd}} }

// Encode returns who a process is, and the flags of the event: those of the process,
// and of what has no name. The block is valid until the next call.
func (e *Encoder) Encode(p *Process, at clock.Moment) (event.ActorBlock, event.Flags) {
	if p.started.ticks != p.StartTicks {
		p.started = started{p.StartTicks, at.Started(p.StartTicks)}
	}
	flags := p.Flags
	a := &e.actor
	*a = event.Actor{
		Name:       p.Image.Name,
		Executable: p.Image.Executable,
		Directory:  p.Image.Directory,
		StartNs:    p.started.ns,
		Container:  p.Cgroup.Container,
		Unit:       p.Cgroup.Unit,
		PPID:       p.PPID,
	}
	a.CommandLine = e.redacted(p.Image.CommandLine, &flags)
	if !p.Flags.Has(event.UserUnread) || p.Flags.Has(event.ImageInherited) {
		if a.UID = event.Known(uint64(p.UID)); !p.NoGroup {
			a.GID = event.Known(uint64(p.GID))
		}
		if a.User = e.users.name(p.UID, at.MonoNs); a.User == "" {
			flags |= event.UserNameUnread
		}
	}
	if p.Login != proc.Nobody {
		a.LoginUID = event.Known(uint64(p.Login))
		if a.LoginUser = e.users.name(p.Login, at.MonoNs); a.LoginUser == "" {
			flags |= event.LoginNameUnread
		}
	}
	if above := p.Above[0]; above != nil {
		a.ParentStartTicks, a.ParentName, a.ParentExecutable = above.StartTicks, above.Name, above.Executable
		a.ParentCommandLine = e.redacted(above.CommandLine, &flags)
	}
	for i, above := range p.Above[1:] {
		if above != nil {
			a.Ancestors[i] = event.Ancestor{PID: above.PID, Name: above.Name, Executable: above.Executable}
		}
	}
	e.block.Set(a)
	return e.block, flags
}

// redacted returns a command line as events may have it, and notes in flags if it is
// another one.
func (e *Encoder) redacted(line string, flags *event.Flags) string {
	line, changed := e.Redact.Text(line)
	if changed {
		*flags |= event.Redacted
	}
	return line
}
