package actor

import "github.com/daemoneye/eventbus/agent/event"

// Ancestor is what an event has of a process above its own. It never changes:
// where the process runs another program, its later children get another one.
type Ancestor struct {
	PID         uint32
	StartTicks  uint64
	Name        string
	Executable  string
	CommandLine string
}

// Lineage is the parent and those above it, as they were when the process began or
// was announced: an exit names the same ones, although they may have ended long
// before. An ancestor is shared by all below it.
type Lineage [1 + event.MaxAncestors]*Ancestor

// self returns what events have of the process as an ancestor.
func (p *Process) self() *Ancestor {
	a := p.asAbove
	if a == nil || a.StartTicks != p.StartTicks || a.Name != p.Image.Name ||
		a.Executable != p.Image.Executable || a.CommandLine != p.Image.CommandLine {
		a = &Ancestor{
			PID: p.PID, StartTicks: p.StartTicks, Name: p.Image.Name, Executable: p.Image.Executable, CommandLine: p.Image.CommandLine,
		}
		p.asAbove = a
	}
	return a
}

// NameParent notes who is above a process; parent is nil where that is not known. A
// process without a parent has nothing to note.
func (p *Process) NameParent(parent *Process) {
	if parent == nil {
		if p.PPID != 0 && p.Above[0] == nil {
			p.Flags |= event.ParentUnread
		}
		return
	}
	p.Flags &^= event.ParentUnread | event.AncestorsUnread
	p.Above[0] = parent.self()
	copy(p.Above[1:], parent.Above[:])
	if p.Above[event.MaxAncestors] == nil && parent.Flags&(event.ParentUnread|event.AncestorsUnread) != 0 {
		p.Flags |= event.AncestorsUnread
	}
}
