package process

import (
	"cmp"
	"slices"

	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

// compare brings the table in step with /proc: what is not there any more has
// ended, what is new has started, and what runs another program has too. New
// processes are announced as op; how has the doubts that stick to all that is
// announced. An error is one of reading /proc as a whole; nothing is announced
// then.
func (t *tracker) compare(op event.Operation, how event.Flags) error {
	t.clock.Adjust()
	t.round++
	pids, err := t.reader.List()
	if err != nil {
		return err
	}
	var fresh, changed []*record
	var others []other
	for _, pid := range pids {
		uid, gid, owned := t.reader.Owner(pid) // ahead of the rest: of one that has ended it is root
		s, ok, err := t.reader.Stat(pid)
		if err != nil {
			return err
		}
		if !ok || s.Ended() {
			continue
		}
		rec := t.table[pid]
		if rec == nil || !rec.isSame(s.StartTicks) {
			if rec := t.look(pid); rec != nil {
				fresh = append(fresh, rec)
			}
			continue
		}
		rec.round = t.round
		t.noteThreads(rec, &s)
		if t.hasChanged(rec, &s) {
			changed = append(changed, rec)
		} else if owned && !s.Loading {
			if d, ok := rec.become(uid, gid); ok {
				others = append(others, other{rec, d})
			}
		}
	}
	now := t.clock.Now()
	t.endMissing(now, how)
	t.announceOthers(others, now, how)
	for _, rec := range changed {
		t.begin(rec, event.OpStart, now, how)
	}
	t.beginFresh(fresh, op, now, how)
	return nil
}

// look makes a record of a process that the table does not have, nil when there
// is nothing to be seen: it has gone meanwhile, or its program is being loaded
// and the next comparison will see it.
func (t *tracker) look(pid uint32) *record {
	asOf := clock.Mono()
	o, ok := t.reader.Process(pid)
	if !ok || !o.Alive || o.Loading {
		return nil
	}
	rec := &record{Process: actor.Process{PID: pid}, round: t.round}
	rec.adopt(&o, asOf)
	return rec
}

// noteThreads takes over which threads a known process has.
func (t *tracker) noteThreads(rec *record, s *proc.Stat) {
	rec.threaded = rec.threaded || s.Threads > 1
	switch {
	case s.Leaderless():
		if rec.life == whole {
			rec.life = leaderless
		}
	case rec.life != whole: // another thread has run a program since
		rec.revive()
	}
}

// hasChanged reports whether a known process runs another program than the
// record has, and takes that over. A process may change its name and its
// command line at will. So if the kernel does not show us its stack, only a new
// name together with a new executable or command line counts: an exec of the
// same program under the same name is not seen then.
func (t *tracker) hasChanged(rec *record, s *proc.Stat) bool {
	rec.StartTicks = s.StartTicks
	rec.Flags &^= event.StartTimeEstimated
	if s.Loading {
		return false
	}
	sure := rec.stack != 0 && s.Stack != 0
	if sure && rec.stack == s.Stack {
		if rec.Image.Name != string(s.Name) {
			rec.Image.Name = string(s.Name)
		}
		return false
	}
	if !sure && rec.Image.Name == string(s.Name) {
		return false
	}
	asOf := clock.Mono()
	o, ok := t.reader.Process(rec.PID)
	if !ok || !o.Alive || o.Loading || !rec.isSame(o.StartTicks) {
		return false // changing just now: the next report or comparison shows how
	}
	before := rec.Image
	rec.adopt(&o, asOf)
	return sure || before.Executable != o.Image.Executable || before.CommandLine != o.Image.CommandLine
}

// endMissing announces the end of every process that this round did not find.
func (t *tracker) endMissing(now clock.Moment, how event.Flags) {
	var missing []*record
	for _, rec := range t.table {
		if rec.round != t.round {
			missing = append(missing, rec)
		}
	}
	slices.SortFunc(missing, func(a, b *record) int { return byAge(b, a) }) // as a rule children end before parents
	for _, rec := range missing {
		if rec.endNs != 0 { // its end was reported
			t.end(rec)
			continue
		}
		delete(t.table, rec.PID)
		if rec.announced {
			t.emitter.announce(event.OpExit, rec, now, how|event.ExitStatusUnknown, 0)
		}
	}
}

// beginFresh enters new processes into the table, parents ahead of children.
func (t *tracker) beginFresh(fresh []*record, op event.Operation, now clock.Moment, how event.Flags) {
	slices.SortFunc(fresh, byAge)
	for _, rec := range fresh {
		t.table[rec.PID] = rec
	}
	for _, rec := range fresh {
		if op == event.OpSnapshot || !t.table.runsParentsProgram(rec) {
			t.begin(rec, op, now, how)
			continue
		}
		t.table.nameParent(rec)
		if t.forks {
			rec.announced = true
			t.emitter.announce(event.OpFork, rec, now, how, 0)
		}
	}
}

// begin announces a process that runs a program which was not announced.
func (t *tracker) begin(rec *record, op event.Operation, now clock.Moment, how event.Flags) {
	t.table.nameParent(rec)
	rec.announced = true
	t.emitter.announce(op, rec, now, how, 0)
}

// byAge orders processes by their start, and by pid where that is equal.
func byAge(a, b *record) int {
	return cmp.Or(cmp.Compare(a.StartTicks, b.StartTicks), cmp.Compare(a.PID, b.PID))
}
