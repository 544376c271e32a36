package actor

import (
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

// Process is what is known of a process, for the events that it causes.
type Process struct {
	PID, PPID  uint32
	StartTicks uint64 // 0 when not known
	UID, GID   uint32
	NoGroup    bool   // GID is not known, although UID is
	Login      uint32 // who logged in; proc.Nobody for no login, and where it is unread
	Image      proc.Image
	Cgroup     proc.Cgroup
	Flags      event.Flags // what of it is unread or not exact
	Above      Lineage

	started started
	asAbove *Ancestor // see self
}

// started is the wall time that events give for a start. It is computed once, so that
// all events of the process have the same, whatever the clock does.
type started struct {
	ticks uint64
	ns    int64
}

const (
	imageUnread = event.NameUnread | event.ExecutableUnread | event.CommandLineUnread | event.DirectoryUnread
	placeUnread = event.LoginUnread | event.CgroupUnread
	// allUnread are the flags of what /proc shows of a process.
	allUnread = imageUnread | placeUnread | event.UserUnread
	// inherited are those that a fork copies from the parent.
	inherited = allUnread | event.ImageInherited | event.KernelThread | event.ExecutableDeleted | event.DirectoryDeleted
	// readFlags are those that reading a process from /proc decides anew.
	readFlags = inherited | event.StartTimeEstimated
)

// Unknown returns a process of which nothing is known but the pid.
func Unknown(pid uint32) Process {
	return Process{PID: pid, Login: proc.Nobody, Flags: allUnread | event.ParentUnread}
}

// OfUser returns a process of which nothing is known but the user.
func OfUser(uid uint32) Process {
	p := Unknown(0)
	p.UID, p.NoGroup = uid, true
	p.Flags &^= event.UserUnread
	return p
}

// Fork returns the child of a process: its image and its user are the parent's. p is
// nil where the parent is not known.
func Fork(pid, ppid uint32, startTicks uint64, p *Process) Process {
	c := Process{PID: pid, PPID: ppid, StartTicks: startTicks, Login: proc.Nobody, Flags: event.StartTimeEstimated}
	if p != nil {
		c.UID, c.GID, c.Image, c.Login, c.Cgroup = p.UID, p.GID, p.Image, p.Login, p.Cgroup
		c.Flags |= p.Flags & inherited
	} else {
		c.Flags |= allUnread
	}
	return c
}

// Adopt takes over what was read from /proc.
func (p *Process) Adopt(o *proc.Observation) {
	p.StartTicks = o.StartTicks
	if o.Alive || o.PPID != 0 {
		p.PPID = o.PPID // 0 also stands in what is left of a process that its parent has taken note of
	}
	p.Image = o.Image
	if !o.Unread.Has(event.UserUnread) {
		p.UID, p.GID = o.UID, o.GID
	}
	p.Login, p.Cgroup = o.Login, o.Cgroup
	p.Flags = p.Flags&^readFlags | o.Unread
}

// Keep leaves what is known of the image, and marks it as from before.
func (p *Process) Keep() {
	p.Flags |= allUnread
	if p.Image != (proc.Image{}) {
		p.Flags |= event.ImageInherited
	}
}
