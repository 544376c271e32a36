package process

import (
	"cmp"
	"slices"
	"time"
)

// A process whose first thread has ended lives on with the others: it is
// headless. The kernel reports the end of each thread while that still counts,
// so that the report of the last one does not look like the last in /proc. What
// is in doubt is looked at again, a few times.
const (
	doubtEvery = 10 * time.Millisecond
	doubtLooks = 20
)

// survives reports whether a process of which a thread has ended has others.
func (t *tracker) survives(rec *record) bool {
	s, ok, err := t.reader.stat(rec.pid)
	return err == nil && ok && rec.isSame(s.startTicks) && s.threads > 1
}

// threadExited takes the end of another than the first thread into account. In a
// headless process it may be the last.
func (t *tracker) threadExited(r *report) {
	rec := t.table[r.pid]
	if rec == nil || r.timeNs < rec.asOf {
		return
	}
	if !rec.headless {
		rec.noteStatus(r.value)
		return
	}
	t.lose(rec, r)
}

// noteStatus keeps the status of a thread that has ended. When a process ends as
// a whole, each thread has its status, but for those that were on their way out
// already: theirs is 0, as a rule, and they may come last.
func (r *record) noteStatus(status uint32) {
	if status != 0 {
		r.status = status
	}
}

// lose notes that a thread of a process has ended, and announces the end of the
// process if that was the last one.
func (t *tracker) lose(rec *record, r *report) {
	rec.noteStatus(r.value)
	rec.endNs = r.timeNs
	if !t.survives(rec) {
		t.end(rec)
		return
	}
	rec.headless = true
	if t.doubts == nil {
		t.doubts = make(map[uint32]int)
	}
	t.doubts[rec.pid] = doubtLooks
}

// end announces the end of a process by its last report.
func (t *tracker) end(rec *record) {
	delete(t.table, rec.pid)
	delete(t.doubts, rec.pid)
	t.announceEnd(rec, t.clock.at(rec.endNs), rec.status)
}

// settleDoubts looks again at what may have ended. It reports whether there is
// something left to look at.
func (t *tracker) settleDoubts() bool {
	var ended []*record
	for pid, looks := range t.doubts {
		rec := t.table[pid]
		switch {
		case rec == nil || !rec.headless || looks == 0:
			delete(t.doubts, pid) // it has ended otherwise, runs another program, or lives on
		case !t.survives(rec):
			ended = append(ended, rec)
		default:
			t.doubts[pid]--
		}
	}
	slices.SortFunc(ended, func(a, b *record) int { return cmp.Or(cmp.Compare(a.endNs, b.endNs), cmp.Compare(a.pid, b.pid)) })
	for _, rec := range ended {
		t.end(rec)
	}
	return len(t.doubts) > 0
}
