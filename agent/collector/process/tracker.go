package process

import (
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/adjust"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

// tracker keeps the table in step with the host and announces what changes. It
// learns of changes in two ways: by reports of the kernel (this file), and by
// comparing the table with /proc (compare.go).
//
// One goroutine at a time.
type tracker struct {
	table   table
	reader  *proc.Reader
	emitter *emitter
	clock   clock.Clock
	forks   bool // announce forks
	round   uint64
	doubts  map[uint32]doubt // about processes that may have ended

	door     adjust.Door[*tracker]
	interval time.Duration // between two polls
	open     *collector.Opening
}

// apply takes one report of the kernel into account. Reports arrive late: what
// /proc said when it was read may be ahead of them. A report from before that
// moment is about what was seen already, or about an earlier process with the
// same pid.
func (t *tracker) apply(r *report) {
	if !r.ofProcess() {
		switch r.what {
		case whatFork:
			if rec := t.table[r.pid]; rec != nil {
				rec.threaded = true
			}
		case whatExit:
			t.threadExited(r)
		}
		return
	}
	switch r.what {
	case whatFork:
		t.forked(r)
	case whatExec:
		t.executed(r)
	case whatUID, whatGID:
		t.becameOther(r)
	case whatExit:
		if r.complete {
			t.ended(r)
			return
		}
		t.leaderExited(r)
	}
}

func (t *tracker) forked(r *report) {
	if old := t.table[r.pid]; old != nil {
		if r.timeNs < old.asOf {
			return
		}
		t.exitUnseen(old, t.clock.At(r.timeNs)) // its pid is in use again: it may be one in doubt
	}
	rec := t.table.fork(r.pid, r.parent, t.clock.Ticks(r.timeNs))
	if r.complete {
		rec.setStart(r.startTicks)
		rec.setUser(r.uid, r.gid)
	}
	if !t.forks {
		return
	}
	if rec.Flags.Has(event.StartTimeEstimated) {
		// The key of a process is announced with its fork: better the true one.
		if s, ok, err := t.reader.Stat(r.pid); err == nil && ok && rec.isSame(s.StartTicks) {
			rec.setStart(s.StartTicks)
		}
	}
	rec.announced = true
	t.emitter.announce(event.OpFork, rec, t.clock.At(r.timeNs), 0, 0)
}

func (t *tracker) executed(r *report) {
	rec := t.table[r.pid]
	if rec != nil && rec.announced && r.timeNs < rec.asOf {
		return
	}
	if rec != nil && r.complete && !rec.isSame(r.startTicks) {
		t.exitUnseen(rec, t.clock.At(r.timeNs))
		rec = nil
	}
	if rec == nil { // its fork was lost
		rec = t.table.unknown(r.pid)
	}
	rec.revive()
	rec.threaded = false // an exec leaves one thread; what is read below may be later
	delete(t.doubts, rec.PID)
	if r.complete {
		t.noteUser(rec, r) // ahead of the start, and so with the program before
		t.fill(r.pid, r.seen)
	}
	if r.seen != nil && (rec.StartTicks == 0 || rec.isSame(r.seen.StartTicks)) {
		rec.adopt(r.seen, r.seenAt)
	} else {
		rec.Keep()
	}
	t.table.nameParent(rec)
	rec.announced = true
	t.emitter.announce(event.OpStart, rec, t.clock.At(r.timeNs), 0, 0)
}

// fill reads from /proc what did not fit into a record, such as a path of very many
// components, if the process still runs that program: its stack is where it was.
func (t *tracker) fill(pid uint32, o *proc.Observation) {
	const fields = event.ExecutableUnread | event.DirectoryUnread | event.CommandLineUnread
	if o.Unread&fields == 0 {
		return
	}
	now, ok := t.reader.Process(pid)
	same := ok && now.StartTicks == o.StartTicks && now.Stack == o.Stack && o.Stack != 0
	take := func(unread, deleted event.Flags, field *string, value string) {
		if !o.Unread.Has(unread) {
			return
		}
		*field = "" // it may hold a part
		if same {
			*field, o.Unread = value, o.Unread&^(unread|deleted)|now.Unread&(unread|deleted)
		}
	}
	take(event.ExecutableUnread, event.ExecutableDeleted, &o.Image.Executable, now.Image.Executable)
	take(event.DirectoryUnread, event.DirectoryDeleted, &o.Image.Directory, now.Image.Directory)
	take(event.CommandLineUnread, 0, &o.Image.CommandLine, now.Image.CommandLine)
}

// ended takes the report of the end of a whole process into account.
func (t *tracker) ended(r *report) {
	rec := t.table[r.pid]
	if rec == nil {
		return
	}
	if !rec.isSame(r.startTicks) {
		if rec.StartTicks < r.startTicks { // it is of another process, whose fork was lost
			t.exitUnseen(rec, t.clock.At(r.timeNs))
		}
		return
	}
	t.noteUser(rec, r)
	rec.status, rec.endNs = r.value, r.timeNs
	t.end(rec)
}

// announceEnd announces the end of a process whose start was announced.
func (t *tracker) announceEnd(rec *record, at clock.Moment, status uint32) {
	if rec.announced {
		t.emitter.announce(event.OpExit, rec, at, 0, status)
	}
}

// exitUnseen announces the end of a process whose report was lost, or was not
// yet known to be the last.
func (t *tracker) exitUnseen(rec *record, at clock.Moment) {
	if rec.endNs != 0 {
		t.end(rec)
		return
	}
	delete(t.table, rec.PID)
	if rec.announced {
		t.emitter.announce(event.OpExit, rec, at, event.Inferred|event.TimeApproximate|event.ExitStatusUnknown, 0)
	}
}
