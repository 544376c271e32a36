package process

import (
	"github.com/daemoneye/eventbus/agent/event"
)

// record is what is known about a living process.
type record struct {
	pid, ppid  uint32
	startTicks uint64
	started    started
	uid, gid   uint32
	image      image
	stack      uint64 // see stat.stack; 0 when not known
	login      uint32 // see observation.login
	cgroup     cgroup
	flags      event.Flags

	above      lineage
	asAncestor *ancestor // see self

	life      life
	threaded  bool   // it has or had other threads than its leader, as far as known
	status    uint32 // of its threads' ends; see noteStatus
	endNs     int64  // when the last of them was reported, from the leader's on; 0 before
	announced bool   // an event has announced it, and its end is to be announced too
	asOf      int64  // monotonic ns just before /proc was read and had it alive; 0 if it never was
	round     uint64 // of the last comparison with /proc that found it
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
	// inherited are those that a fork copies from the parent.
	inherited = imageUnread | placeUnread | event.UserUnread | event.ImageInherited | event.KernelThread | event.ExecutableDeleted |
		event.DirectoryDeleted
	// readFlags are those that reading a process from /proc decides anew.
	readFlags = imageUnread | placeUnread | event.UserUnread | event.ImageInherited | event.KernelThread | event.StartTimeEstimated |
		event.ExecutableDeleted | event.DirectoryDeleted
)

// startTolerance is by how many ticks a start that was computed from the report
// of a fork may differ from that in /proc: the kernel notes the start before it
// reports, and may be interrupted in between. It only has to be shorter than the
// pids need to go round.
const startTolerance = 100

// isSame reports whether a process that started then is the one of the record.
func (r *record) isSame(startTicks uint64) bool {
	if r.flags.Has(event.StartTimeEstimated) {
		return startTicks+startTolerance >= r.startTicks && r.startTicks+startTolerance >= startTicks
	}
	return r.startTicks == startTicks
}

// adopt takes over what was read from /proc at asOf.
func (r *record) adopt(o *observation, asOf int64) {
	r.startTicks, r.stack = o.startTicks, o.stack
	if o.alive || o.ppid != 0 {
		r.ppid = o.ppid // 0 also stands in what is left of a process that its parent has taken note of
	}
	r.image = o.image
	if !o.unread.Has(event.UserUnread) {
		r.uid, r.gid = o.uid, o.gid
	}
	r.login, r.cgroup = o.login, o.cgroup
	r.flags = r.flags&^readFlags | o.unread
	r.revive()
	if o.leaderless {
		r.life = leaderless
	}
	r.threaded = r.threaded || o.threaded
	if o.alive {
		r.asOf = asOf
	}
}

// keep leaves what is known of the image, and says that it is from before.
func (r *record) keep() {
	r.flags |= imageUnread | placeUnread | event.UserUnread
	if r.image != (image{}) {
		r.flags |= event.ImageInherited
	}
}

// table holds the living processes by pid.
//
// One goroutine at a time.
type table map[uint32]*record

// fork adds the child of a process: its image and its user are the parent's.
func (t table) fork(pid, ppid uint32, startTicks uint64) *record {
	r := &record{pid: pid, ppid: ppid, startTicks: startTicks, flags: event.StartTimeEstimated}
	if p := t[ppid]; p != nil {
		r.uid, r.gid, r.image, r.stack = p.uid, p.gid, p.image, p.stack
		r.login, r.cgroup = p.login, p.cgroup
		r.flags |= p.flags & inherited
	} else {
		r.login = nobody
		r.flags |= imageUnread | placeUnread | event.UserUnread
	}
	t.nameParent(r)
	t[pid] = r
	return r
}

// unknown adds a process of which nothing is known but the pid.
func (t table) unknown(pid uint32) *record {
	r := &record{pid: pid, login: nobody, flags: imageUnread | placeUnread | event.UserUnread | event.ParentUnread}
	t[pid] = r
	return r
}

// runsParentsProgram reports whether a process was forked and has not yet run a
// program of its own, as threads of the kernel never do. A stack in the same
// place as the parent's shows it, which would prove little on a kernel that does
// not place stacks at random; so the executable has to agree as well. The command
// line need not: a parent may have written another title over its own meanwhile.
func (t table) runsParentsProgram(r *record) bool {
	if r.flags.Has(event.KernelThread) {
		return true
	}
	p := t[r.ppid]
	return p != nil && r.stack != 0 && r.stack == p.stack && r.image.executable == p.image.executable
}
