package process

import (
	"github.com/daemoneye/eventbus/agent/event"
)

// tracker keeps the table in step with the host and announces what changes. It
// learns of changes in two ways: by reports of the kernel (this file), and by
// comparing the table with /proc (compare.go).
//
// One goroutine at a time.
type tracker struct {
	table   table
	reader  *reader
	emitter *emitter
	clock   clock
	forks   bool // announce forks
	round   uint64
	doubts  map[uint32]doubt // about processes that may have ended
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
	case whatUID:
		if rec := t.table[r.pid]; rec != nil && r.timeNs >= rec.asOf {
			rec.uid = r.value
		}
	case whatGID:
		if rec := t.table[r.pid]; rec != nil && r.timeNs >= rec.asOf {
			rec.gid = r.value
		}
	case whatExit:
		t.leaderExited(r)
	}
}

func (t *tracker) forked(r *report) {
	if old := t.table[r.pid]; old != nil {
		if r.timeNs < old.asOf {
			return
		}
		t.exitUnseen(old, t.clock.at(r.timeNs)) // its pid is in use again: it may be one in doubt
	}
	rec := t.table.fork(r.pid, r.parent, t.clock.ticks(r.timeNs))
	if !t.forks {
		return
	}
	// The key of a process is announced with its fork: better the true one.
	if s, ok, err := t.reader.stat(r.pid); err == nil && ok && rec.isSame(s.startTicks) {
		rec.startTicks = s.startTicks
		rec.flags &^= event.StartTimeEstimated
	}
	rec.announced = true
	t.emitter.announce(event.OpFork, rec, t.clock.at(r.timeNs), 0, 0)
}

func (t *tracker) executed(r *report) {
	rec := t.table[r.pid]
	if rec != nil && rec.announced && r.timeNs < rec.asOf {
		return
	}
	if rec == nil { // its fork was lost
		rec = t.table.unknown(r.pid)
	}
	rec.revive()
	rec.threaded = false // an exec leaves one thread; what is read below may be later
	delete(t.doubts, rec.pid)
	asOf := monoNs()
	if o, ok := t.reader.process(r.pid); ok && (rec.startTicks == 0 || rec.isSame(o.startTicks)) {
		rec.adopt(&o, asOf)
	} else {
		rec.keep()
	}
	t.table.nameParent(rec)
	rec.announced = true
	t.emitter.announce(event.OpStart, rec, t.clock.at(r.timeNs), 0, 0)
}

// announceEnd announces the end of a process whose start was announced.
func (t *tracker) announceEnd(rec *record, at moment, status uint32) {
	if rec.announced {
		t.emitter.announce(event.OpExit, rec, at, 0, status)
	}
}

// exitUnseen announces the end of a process whose report was lost, or was not
// yet known to be the last.
func (t *tracker) exitUnseen(rec *record, at moment) {
	if rec.endNs != 0 {
		t.end(rec)
		return
	}
	delete(t.table, rec.pid)
	if rec.announced {
		t.emitter.announce(event.OpExit, rec, at, event.Inferred|event.TimeApproximate|event.ExitStatusUnknown, 0)
	}
}
