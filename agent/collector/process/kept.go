package process

import (
	"encoding/binary"

	"github.com/daemoneye/eventbus/agent/collector/ebpf"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
	"github.com/daemoneye/eventbus/agent/event"
)

// The kernel's programs leave out a program that is like one which was left out here: by its
// path, its user or its control group (../ebpf/choice.go). Its record is kept in the kernel
// then, and comes only when somebody needs it: when the process forks, because what it
// starts names it, and when its user changes, because that is an event of its own. Until
// then its process has the image of its fork in the table.
//
// A program is left out there only if nothing but its end can follow from it: it has no
// children yet, and its user and group are its parent's. Everything else goes on to the
// filter here, which alone decides.

// keptRecords are the records that are kept in the kernel. The zero value has none.
//
// One goroutine at a time.
type keptRecords struct {
	programs *programs
	choice   *ebpf.Choice
	parser   records
}

// keptMap is the map of bpf/process.c.
const keptMap = "kept"

// keep has the kernel leave out programs from now on, until the filter is detached.
func (p *programs) keep(t *tracker) (keptRecords, error) {
	f := t.emitter.filter
	if p.judgeHere {
		return keptRecords{}, nil
	}
	c, err := p.loaded.Choice()
	if err != nil {
		return keptRecords{}, err
	}
	return keptRecords{p, c, records{ahead: p.ahead, proc: t.reader}}, f.Attach(c)
}

// refuse has the kernel leave out what is like a program that was left out. After an error
// it does not, and that is left out here again.
func (k *keptRecords) refuse(v filter.Verdict, r *report.Report) {
	if k.choice == nil || !r.Complete {
		return
	}
	if v.Executable && r.Program != nil {
		_ = k.choice.Refuse(v.Number, ebpf.Executables, r.Program)
	}
	if v.User {
		_ = k.choice.Refuse(v.Number, ebpf.Users, binary.LittleEndian.AppendUint32(nil, r.UID))
	}
	if v.Unit && r.Group != 0 {
		_ = k.choice.Refuse(v.Number, ebpf.Groups, binary.LittleEndian.AppendUint64(nil, r.Group))
	}
}

// whole returns a record with the program that its process runs, if that is kept in the
// kernel. The table keeps what it has: reports about the process may be on their way.
func (k *keptRecords) whole(rec *record) *record {
	if k.choice == nil {
		return rec
	}
	if r, ok := k.parser.parse(k.programs.loaded.Look(keptMap, rec.PID)); ok && rec.precedes(&r) {
		c := *rec
		c.adoptProgram(&r)
		return &c
	}
	return rec
}

// complete is whole for many.
func (k *keptRecords) complete(recs []record) error {
	all, err := k.all()
	if err != nil {
		return err
	}
	for i := range recs {
		if r, ok := all[recs[i].PID]; ok && recs[i].precedes(&r) {
			recs[i].adoptProgram(&r)
		}
	}
	return nil
}

// all returns what is kept, by pid.
func (k *keptRecords) all() (map[uint32]report.Report, error) {
	if k.choice == nil {
		return nil, nil
	}
	all := make(map[uint32]report.Report)
	err := k.programs.loaded.Each(keptMap, func(value []byte) {
		if r, ok := k.parser.parse(value); ok {
			all[r.PID] = r
		}
	})
	return all, err
}

// applyKept takes over what was kept before all reports that have been applied.
func (t *tracker) applyKept(all map[uint32]report.Report) {
	for pid, r := range all {
		if rec := t.table[pid]; rec != nil && rec.precedes(&r) {
			t.apply(&r)
		}
	}
}

// forgetKept forgets what was kept of processes that are gone, after a comparison with /proc:
// their ends may be among what was lost.
func (t *tracker) forgetKept(all map[uint32]report.Report) {
	for pid := range all {
		if t.table[pid] == nil {
			t.kept.programs.loaded.Forget(keptMap, pid)
		}
	}
}

// precedes reports whether an exec is one of the process after what is known of it.
func (r *record) precedes(exec *report.Report) bool {
	return r.isSame(exec.StartTicks) && r.asOf < exec.TimeNs
}

// adoptProgram takes over the program of an exec that was left out in the kernel. Its user is
// the one of the fork, or is another one by now, which is known already.
func (r *record) adoptProgram(exec *report.Report) {
	uid, gid, unread := r.UID, r.GID, r.Flags.Has(event.UserUnread)
	r.adopt(exec.Seen, exec.SeenAt)
	if !unread {
		r.UID, r.GID = uid, gid
	}
}
