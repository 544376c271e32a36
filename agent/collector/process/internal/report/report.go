// Package report is what the kernel reports of a process, whichever source it comes from:
// the sources make reports, and the tracker applies them.
package report

import "github.com/daemoneye/eventbus/agent/collector/proc"

// Kind is what happened. The numbers are those of the kernel's process connector, which
// has others (PROC_EVENT_*).
type Kind uint32

// The kinds that are looked at.
const (
	Ack  Kind = 0x00000000 // answer of the connector to a request
	Fork Kind = 0x00000001
	Exec Kind = 0x00000002
	UID  Kind = 0x00000004
	GID  Kind = 0x00000040
	Exit Kind = 0x80000000
)

// Report is one report of the kernel.
type Report struct {
	Kind   Kind
	TimeNs int64 // CLOCK_MONOTONIC

	Thread uint32 // the kernel's pid: of the child for a fork
	PID    uint32 // the thread group: what everybody else calls pid
	Parent uint32 // thread group of the parent; fork and exit only
	Value  uint32 // exit: status as wait(2) gives it; uid, gid: the effective id; ack: errno

	// What the process runs, of an exec, and when that was seen; nil when it is not known.
	Seen   *proc.Observation
	SeenAt int64

	// What only the kernel's programs have.
	Complete   bool   // each report is of a whole process, and an exit is its end
	StartTicks uint64 // of the process
	UID, GID   uint32 // effective
	LeftOut    bool   // an exec: it was left out in the kernel, and is counted; an exit: its exec was, and it is
	Program    []byte // of an exec: the path of the executable, as the record has it; borrowed, nil for unread
	Group      uint64 // of an exec: id of the control group that names the unit; 0 where another one does
}

// OfProcess reports whether the event is about a process as a whole and not
// about another thread of it.
func (r *Report) OfProcess() bool { return r.Thread == r.PID }
