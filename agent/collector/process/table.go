package process

import (
	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

// record is what is known about a living process.
type record struct {
	actor.Process
	stack uint64 // see proc.Stat.Stack; 0 when not known

	life      life
	threaded  bool   // it has or had other threads than its leader, as far as known
	status    uint32 // of its threads' ends; see noteStatus
	endNs     int64  // when the last of them was reported, from the leader's on; 0 before
	announced bool   // an event has announced it, and its end is to be announced too
	asOf      int64  // monotonic ns just before /proc was read and had it alive; 0 if it never was
	leftOut   bool   // its begin was left out by the filter
	round     uint64 // of the last comparison with /proc that found it
}

// startTolerance is by how many ticks a start that was computed from the report
// of a fork may differ from that in /proc: the kernel notes the start before it
// reports, and may be interrupted in between. It only has to be shorter than the
// pids need to go round.
const startTolerance = 100

// isSame reports whether a process that started then is the one of the record.
func (r *record) isSame(startTicks uint64) bool {
	if r.Flags.Has(event.StartTimeEstimated) {
		return startTicks+startTolerance >= r.StartTicks && r.StartTicks+startTolerance >= startTicks
	}
	return r.StartTicks == startTicks
}

// setStart notes when a process started, as the kernel has it.
func (r *record) setStart(ticks uint64) {
	r.StartTicks = ticks
	r.Flags &^= event.StartTimeEstimated
}

// setUser notes whose process it is, as the kernel has it.
func (r *record) setUser(uid, gid uint32) {
	r.UID, r.GID, r.NoGroup = uid, gid, false
	r.Flags &^= event.UserUnread
}

// adopt takes over what was read from /proc at asOf.
func (r *record) adopt(o *proc.Observation, asOf int64) {
	r.Adopt(o)
	r.stack = o.Stack
	r.revive()
	if o.Leaderless {
		r.life = leaderless
	}
	r.threaded = r.threaded || o.Threaded
	if o.Alive {
		r.asOf = asOf
	}
}

// table holds the living processes by pid.
//
// One goroutine at a time.
type table map[uint32]*record

// fork adds the child of a process: its image and its user are the parent's.
func (t table) fork(pid, ppid uint32, startTicks uint64) *record {
	r := &record{}
	if p := t[ppid]; p != nil {
		r.Process, r.stack = actor.Fork(pid, ppid, startTicks, &p.Process), p.stack
	} else {
		r.Process = actor.Fork(pid, ppid, startTicks, nil)
	}
	t.nameParent(r)
	t[pid] = r
	return r
}

// unknown adds a process of which nothing is known but the pid.
func (t table) unknown(pid uint32) *record {
	r := &record{Process: actor.Unknown(pid)}
	t[pid] = r
	return r
}

// nameParent notes who is above a process, if that is known.
func (t table) nameParent(r *record) {
	if p := t[r.PPID]; p != nil {
		r.NameParent(&p.Process)
		return
	}
	r.NameParent(nil)
}

// runsParentsProgram reports whether a process was forked and has not yet run a
// program of its own, as threads of the kernel never do. A stack in the same
// place as the parent's shows it, which would prove little on a kernel that does
// not place stacks at random; so the executable has to agree as well. The command
// line need not: a parent may have written another title over its own meanwhile.
func (t table) runsParentsProgram(r *record) bool {
	if r.Flags.Has(event.KernelThread) {
		return true
	}
	p := t[r.PPID]
	return p != nil && r.stack != 0 && r.stack == p.stack && r.Image.Executable == p.Image.Executable
}
