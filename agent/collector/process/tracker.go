package process

import (
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/adjust"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
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

	kept keptRecords // of programs that were left out in the kernel

	door     adjust.Door[*tracker]
	interval time.Duration // between two polls
	open     *collector.Opening
}

// apply takes one report of the kernel into account. Reports arrive late: what
// /proc showed when it was read may be ahead of them. A report from before that
// moment is about what was seen already, or about an earlier process with the
// same pid.
func (t *tracker) apply(r *report.Report) {
	if !r.OfProcess() {
		switch r.Kind {
		case report.Fork:
			if rec := t.table[r.PID]; rec != nil {
				rec.threaded = true
			}
		case report.Exit:
			t.threadExited(r)
		}
		return
	}
	switch r.Kind {
	case report.Fork:
		t.forked(r)
	case report.Exec:
		t.executed(r)
	case report.UID, report.GID:
		t.becameOther(r)
	case report.Exit:
		if r.Complete {
			t.ended(r)
			return
		}
		t.leaderExited(r)
	}
}

func (t *tracker) forked(r *report.Report) {
	if old := t.table[r.PID]; old != nil {
		if r.TimeNs < old.asOf {
			return
		}
		t.exitUnseen(old, t.clock.At(r.TimeNs)) // its pid is in use again: it may be one in doubt
	}
	rec := t.table.fork(r.PID, r.Parent, t.clock.Ticks(r.TimeNs))
	if r.Complete {
		rec.setStart(r.StartTicks)
		rec.setUser(r.UID, r.GID)
	}
	if !t.forks {
		return
	}
	if rec.Flags.Has(event.StartTimeEstimated) {
		// The key of a process is announced with its fork: better the true one.
		if s, ok, err := t.reader.Stat(r.PID); err == nil && ok && rec.isSame(s.StartTicks) {
			rec.setStart(s.StartTicks)
		}
	}
	rec.announced = true
	t.emitter.announce(event.OpFork, rec, t.clock.At(r.TimeNs), 0, 0)
}

func (t *tracker) executed(r *report.Report) {
	rec := t.table[r.PID]
	if rec != nil && rec.announced && r.TimeNs < rec.asOf {
		return
	}
	if rec != nil && r.Complete && !rec.isSame(r.StartTicks) {
		t.exitUnseen(rec, t.clock.At(r.TimeNs))
		rec = nil
	}
	if rec == nil { // its fork was lost
		rec = t.table.unknown(r.PID)
	}
	rec.revive()
	rec.threaded = false // an exec leaves one thread; what is read below may be later
	delete(t.doubts, rec.PID)
	if r.Complete {
		if !r.LeftOut {
			t.noteUser(rec, r) // ahead of the start, and so with the program before
		}
		t.fill(r.PID, r.Seen)
	}
	if r.LeftOut {
		rec.adoptProgram(r)
	} else if r.Seen != nil && (rec.StartTicks == 0 || rec.isSame(r.Seen.StartTicks)) {
		rec.adopt(r.Seen, r.SeenAt)
	} else {
		rec.Keep()
	}
	t.table.nameParent(rec)
	rec.announced = true
	if r.LeftOut {
		rec.leftOut = true
		return
	}
	t.emitter.announce(event.OpStart, rec, t.clock.At(r.TimeNs), 0, 0)
	if rec.leftOut {
		t.kept.refuse(t.emitter.filter.Verdict(&rec.Process), r)
	}
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
func (t *tracker) ended(r *report.Report) {
	rec := t.table[r.PID]
	if rec == nil {
		return
	}
	if !rec.isSame(r.StartTicks) {
		if rec.StartTicks < r.StartTicks { // it is of another process, whose fork was lost
			t.exitUnseen(rec, t.clock.At(r.TimeNs))
		}
		return
	}
	t.noteUser(rec, r)
	rec.status, rec.endNs = r.Value, r.TimeNs
	if r.LeftOut {
		rec.announced = false // it is not, by now
	}
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
