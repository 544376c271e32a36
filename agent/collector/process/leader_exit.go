package process

import (
	"cmp"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
)

// The kernel reports the end of each thread, and does not show whether it was the
// last one of its process. Two things make that hard to tell.
//
// The thread group leader, which is the first thread, may end before the others. The
// process lives on with them, and the report of the last one may come while that still
// counts in /proc.
//
// When another thread than the leader calls exec, the kernel ends all others first,
// the leader too, and then gives that thread the leader's pid: the process lives on
// and runs another program. Where that has ended as well by the time that we read
// /proc, only the report of the exec, which comes later, tells this from an end.
//
// So what is in doubt waits, and is looked at again.

// life is what is left of a process.
type life uint8

const (
	whole      life = iota
	leaderless      // its leader has ended, and other threads have not
	finished        // nothing is left of it, unless the report of an exec comes
)

const (
	doubtInterval = 10 * time.Millisecond
	doubtLooks    = 20
	// idleLooks is how many looks in a row have to find no report waiting, until
	// the report of an exec cannot be among those that have not been applied.
	idleLooks = 2
)

// doubt is about a process that is not whole.
type doubt struct {
	looks int // that are left
	idle  int // looks in a row that found no report waiting
}

// fate is what /proc shows of a process now.
type fate uint8

const (
	fateUnread fate = iota // we could not look
	fateAlive
	fateLeaderless
	fateGone
)

func (t *tracker) fate(rec *record) fate {
	s, ok, err := t.reader.Stat(rec.PID)
	switch {
	case err != nil:
		return fateUnread
	case !ok || !rec.isSame(s.StartTicks):
		return fateGone
	case !s.Dead() && !s.Exiting:
		return fateAlive
	case s.Threads > 1:
		return fateLeaderless
	}
	return fateGone
}

// threadExited takes the end of another thread than the leader into account. In a
// process without a leader it may be the last.
func (t *tracker) threadExited(r *report.Report) {
	rec := t.table[r.PID]
	if rec == nil || r.TimeNs < rec.asOf {
		return
	}
	rec.threaded = true
	rec.noteStatus(r.Value)
	switch rec.life {
	case leaderless:
		t.threadLost(rec, r)
	case finished:
		rec.endNs = max(rec.endNs, r.TimeNs)
	}
}

// leaderExited takes the end of a leader into account.
func (t *tracker) leaderExited(r *report.Report) {
	rec := t.table[r.PID]
	if rec == nil || r.TimeNs < rec.asOf {
		return
	}
	rec.noteStatus(r.Value)
	if rec.life == finished { // the report of the exec in between was lost
		rec.endNs = r.TimeNs
		t.end(rec)
		return
	}
	t.threadLost(rec, r)
}

// noteStatus keeps the status of a thread that has ended. When a process ends as
// a whole, each thread has its status, but for those that were on their way out
// already: theirs is 0, as a rule, and they may come last.
func (r *record) noteStatus(status uint32) {
	if status != 0 {
		r.status = status
	}
}

// threadLost notes that a thread of a process has ended, and announces the end of the
// process if that was the last one for certain.
func (t *tracker) threadLost(rec *record, r *report.Report) {
	rec.endNs = r.TimeNs
	switch t.fate(rec) {
	case fateAlive: // another thread has taken the leader's place, to exec
		rec.revive()
		delete(t.doubts, rec.PID)
	case fateGone:
		// The threads that an exec ends have status 0.
		if !rec.threaded || r.Value != 0 {
			t.end(rec)
			return
		}
		t.suspect(rec, finished)
	default:
		t.suspect(rec, leaderless)
	}
}

// suspect has a process looked at again.
func (t *tracker) suspect(rec *record, l life) {
	rec.life = l
	if t.doubts == nil {
		t.doubts = make(map[uint32]doubt)
	}
	t.doubts[rec.PID] = doubt{looks: doubtLooks}
}

// revive makes a process whole again.
func (r *record) revive() { r.life, r.status, r.endNs = whole, 0, 0 }

// end announces the end of a process by its last report.
func (t *tracker) end(rec *record) {
	delete(t.table, rec.PID)
	delete(t.doubts, rec.PID)
	t.announceEnd(rec, t.clock.At(rec.endNs), rec.status)
}

// settleDoubts looks again at what is in doubt; idle means that no report is waiting
// to be applied. It reports whether there is something left to look at.
func (t *tracker) settleDoubts(idle bool) bool {
	var ended []*record
	for pid, d := range t.doubts {
		rec := t.table[pid]
		if rec == nil || rec.life == whole {
			delete(t.doubts, pid)
			continue
		}
		if rec.life == leaderless {
			switch t.fate(rec) {
			case fateAlive:
				rec.revive()
				delete(t.doubts, pid)
				continue
			case fateGone:
				rec.life, d.looks = finished, doubtLooks
			}
		}
		d.looks--
		if d.idle++; !idle {
			d.idle = 0
		}
		switch {
		case rec.life == finished && (d.idle >= idleLooks || d.looks <= 0):
			ended = append(ended, rec)
		case d.looks <= 0:
			delete(t.doubts, pid) // it lives on without its leader
		default:
			t.doubts[pid] = d
		}
	}
	slices.SortFunc(ended, func(a, b *record) int { return cmp.Or(cmp.Compare(a.endNs, b.endNs), cmp.Compare(a.PID, b.PID)) })
	for _, rec := range ended {
		t.end(rec)
	}
	return len(t.doubts) > 0
}
