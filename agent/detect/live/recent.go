package live

import (
	"runtime"
	"slices"
	"sort"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

// recent keeps copies of the last events that processes caused, so that an alert can
// show what happened around it. Each type of event has a part of the memory of its own:
// a flood of one does not push the others out. Adding does not allocate.
//
// One goroutine at a time.
type recent struct {
	byType [event.TypePerformance]*past
	fields [event.TypePerformance]kinship
}

// kinship are the fields that show of whom a process is a child.
type kinship struct{ parent, parentStart, ancestors event.Field }

// Shares of the memory, in quarters. Events of processes tell most.
var shares = [event.TypePerformance]int{event.TypeProcess: 2, event.TypeNetwork: 1, event.TypeFilesystem: 1}

func newRecent(bytes int) *recent {
	r := &recent{}
	for t, share := range shares {
		if share == 0 || bytes == 0 {
			continue
		}
		r.byType[t] = newPast(bytes / 4 * share)
		r.fields[t] = kinship{
			parent:      event.MustField(event.Table(t), "process.parent.pid"),
			parentStart: event.MustField(event.Table(t), "daemoneye.parent_start_ticks"),
			ancestors:   event.MustField(event.Table(t), "process.ancestors.pid"),
		}
	}
	return r
}

// add keeps a copy of an event, unless nobody caused it.
func (r *recent) add(v event.View) {
	t := v.Type()
	if int(t) >= len(r.byType) || r.byType[t] == nil || v.PID() == 0 || v.Table() != event.Table(t) {
		return
	}
	n := note{mono: v.MonoNs(), start: v.StartTicks(), sequence: v.Sequence(), pid: v.PID()}
	parent, _ := v.Uint(r.fields[t].parent)
	n.parent = uint32(parent)
	n.parentStart, _ = v.Uint(r.fields[t].parentStart)
	r.byType[t].add(n, v)
}

// family is a process, and those of which events are shown with one of it.
type family struct {
	note
	ancestors []uint64
}

// familyOf returns the family of the process that caused an event.
func (r *recent) familyOf(v event.View) (f family) {
	t := v.Type()
	if int(t) >= len(r.byType) || r.byType[t] == nil || v.Table() != event.Table(t) {
		return f
	}
	k := &r.fields[t]
	f.note = note{mono: v.MonoNs(), start: v.StartTicks(), sequence: v.Sequence(), pid: v.PID()}
	parent, _ := v.Uint(k.parent)
	f.parent = uint32(parent)
	f.parentStart, _ = v.Uint(k.parentStart)
	for i := range v.Len(k.ancestors) {
		if pid, ok := v.ItemUint(k.ancestors, i); ok {
			f.ancestors = append(f.ancestors, pid)
		}
	}
	return f
}

// lastKernel is the largest pid of those that begin all others: what happens below init
// is not a family.
const lastKernel = 2

// has reports whether an event belongs to the family: it is of the process itself, of a
// child of it, of another child of its parent, or of one of its ancestors.
func (f *family) has(n *note) bool {
	switch {
	case n.pid == f.pid:
		return n.start == f.start
	case n.parent == f.pid && (n.parentStart == f.start || n.parentStart == 0):
		return true
	case n.parent == f.parent && f.parent > lastKernel && n.parentStart == f.parentStart:
		return true
	}
	// An ancestor began before. Of which start it is nobody knows but for the parent.
	return n.pid > lastKernel && n.start <= f.start && slices.Contains(f.ancestors, uint64(n.pid))
}

// around returns the last events of the family of the process that caused v, at most
// that many and the oldest first, as JSON. v itself is not among them.
func (r *recent) around(v event.View, most int) [][]byte {
	f := r.familyOf(v)
	if f.pid == 0 || most == 0 {
		return nil
	}
	type found struct {
		note
		of *past
	}
	var all []found
	for t, p := range r.byType {
		if p == nil {
			continue
		}
		left := most
		for i := range p.count {
			n := p.newest(i)
			if !f.has(n) || event.Type(t) == v.Type() && n.sequence == f.sequence && n.pid == f.pid && n.mono == f.mono {
				continue
			}
			all = append(all, found{*n, p})
			if left--; left == 0 {
				break
			}
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].mono < all[j].mono })
	if over := len(all) - most; over > 0 {
		all = all[over:]
	}
	var out [][]byte
	for _, x := range all {
		out = append(out, ecs.Append(nil, x.of.view(&x.note)))
	}
	runtime.KeepAlive(r) // the views lie in its memory
	return out
}

// find returns the event of that process and number, nil where it is not kept any more.
func (r *recent) find(pid uint32, start, sequence uint64, wall int64) event.View {
	for _, p := range r.byType {
		if p == nil {
			continue
		}
		for i := range p.count {
			if n := p.newest(i); n.pid == pid && n.start == start && n.sequence == sequence {
				if v := p.view(n); v.WallNs() == wall {
					return v
				}
			}
		}
	}
	return nil
}
