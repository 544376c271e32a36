package process

import "github.com/daemoneye/eventbus/agent/event"

// ancestor is what an event says about a process above its own. It never changes:
// where the process runs another program, its later children get another one.
type ancestor struct {
	pid         uint32
	startTicks  uint64
	name        string
	executable  string
	commandLine string
}

// lineage is the parent and those above it, as they were when the process began or
// was announced: an exit names the same ones, although they may have ended long
// before. An ancestor is shared by all below it.
type lineage [1 + event.MaxAncestors]*ancestor

// self returns what events say of the process as an ancestor.
func (r *record) self() *ancestor {
	a := r.asAncestor
	if a == nil || a.startTicks != r.startTicks || a.name != r.image.name ||
		a.executable != r.image.executable || a.commandLine != r.image.commandLine {
		a = &ancestor{
			pid: r.pid, startTicks: r.startTicks, name: r.image.name, executable: r.image.executable, commandLine: r.image.commandLine,
		}
		r.asAncestor = a
	}
	return a
}

// nameParent notes who is above a process, if that is known. A process without a
// parent has nothing to note.
func (t table) nameParent(r *record) {
	p := t[r.ppid]
	if p == nil {
		if r.ppid != 0 && r.above[0] == nil {
			r.flags |= event.ParentUnread
		}
		return
	}
	r.flags &^= event.ParentUnread | event.AncestorsUnread
	r.above[0] = p.self()
	copy(r.above[1:], p.above[:])
	if r.above[event.MaxAncestors] == nil && p.flags&(event.ParentUnread|event.AncestorsUnread) != 0 {
		r.flags |= event.AncestorsUnread
	}
}
