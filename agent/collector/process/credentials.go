package process

import (
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
	"github.com/daemoneye/eventbus/agent/event"
)

// becameOther takes a new effective user or group of a process into account. The kernel
// reports one in an exec, too, where the file is set-uid: just before the exec, and so of
// the program before.
func (t *tracker) becameOther(r *report.Report) {
	rec := t.table[r.PID]
	if rec == nil || r.TimeNs < rec.asOf {
		return
	}
	uid, gid := rec.UID, rec.GID
	if r.Kind == report.UID {
		uid = r.Value
	} else {
		gid = r.Value
	}
	if d, changed := rec.become(uid, gid); changed {
		t.emitter.change(event.OpCredentials, rec, &d, t.clock.At(r.TimeNs), 0)
	}
}

// noteUser takes over whose process it is as a record of the kernel's programs has it. A
// change had no record of its own, and happened at some time before this one.
func (t *tracker) noteUser(rec *record, r *report.Report) {
	if d, changed := rec.become(r.UID, r.GID); changed {
		t.emitter.change(event.OpCredentials, rec, &d, t.clock.At(r.TimeNs), event.TimeApproximate)
	}
	rec.setUser(r.UID, r.GID)
}

// become takes over the effective user and group that a process has now, and returns those
// that it had.
func (r *record) become(uid, gid uint32) (d event.Detail, changed bool) {
	known := !r.Flags.Has(event.UserUnread)
	if known && uid != r.UID {
		d.PreviousUID, changed = event.Known(uint64(r.UID)), true
	}
	if known && gid != r.GID && !r.NoGroup {
		d.PreviousGID, changed = event.Known(uint64(r.GID)), true
	}
	r.UID, r.GID = uid, gid
	return d, changed
}

// other is a process that a comparison with /proc found to be of another user or group.
type other struct {
	rec *record
	was event.Detail
}

func (t *tracker) announceOthers(all []other, now clock.Moment, how event.Flags) {
	for _, o := range all {
		t.emitter.change(event.OpCredentials, t.kept.whole(o.rec), &o.was, now, how)
	}
}

// compareUsers looks at whose the known processes are. how has the doubts that stick to what
// is announced.
func (t *tracker) compareUsers(how event.Flags) {
	t.clock.Adjust()
	var others []other
	for pid, rec := range t.table {
		uid, gid, ok := t.reader.Owner(pid)
		if !ok || rec.UID == uid && rec.GID == gid && !rec.NoGroup {
			continue
		}
		// Only of one that is alive it is the user, and of no later process with the pid.
		s, ok, err := t.reader.Stat(pid)
		if err != nil || !ok || s.Ended() || s.Loading || !rec.isSame(s.StartTicks) {
			continue
		}
		if d, changed := rec.become(uid, gid); changed {
			others = append(others, other{rec, d})
		}
	}
	t.announceOthers(others, t.clock.Now(), how)
}
