package process

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
	"github.com/daemoneye/eventbus/agent/event"
)

var (
	systemd = task{pid: 1, ticks: 10, stack: 0x100, name: "systemd", args: "/sbin/init", exe: "/lib/systemd"}
	shell   = task{pid: 100, ppid: 1, ticks: 500, stack: 0x200, name: "bash", args: "bash -l", exe: "/bin/bash"}
)

const (
	sawSystemd = "batch snapshot 1 parent 0: systemd /lib/systemd [/sbin/init]"
	sawShell   = "batch snapshot 100 parent 1 (systemd): bash /bin/bash [bash -l]"
)

// sleeping is a child of the shell that runs a program of its own.
func (h *machine) sleeping(pid uint32) task {
	return task{pid: pid, ppid: 100, ticks: h.ticksNow(), stack: 0x300, name: "sleep", args: "sleep 1", exe: "/bin/sleep"}
}

// subshell is a child of the shell that runs the shell's program still.
func (h *machine) subshell(pid uint32) task {
	p := shell
	p.pid, p.ppid, p.ticks = pid, 100, h.ticksNow()
	return p
}

// story is one of reports, and of what /proc shows meanwhile.
type story struct {
	name  string
	story func(h *machine)
	want  []string
}

func TestReportsOfTheKernel(t *testing.T) {
	tests := []story{
		{
			name: "fork and exec are one start",
			story: func(h *machine) {
				h.fork(200, 100)
				h.set(h.sleeping(200))
				h.exec(200)
				h.remove(200)
				h.exit(200, 3<<8)
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1]",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep 1] status 3/0",
			},
		},
		{
			name: "a name and arguments that are hardly text come as they are",
			story: func(h *machine) {
				h.fork(200, 100)
				p := h.sleeping(200)
				p.name, p.args = "a) Z 1 (\n\xff", "\xff\xfe \n ) \x1b[31m"
				h.set(p)
				h.exec(200)
			},
			want: []string{"lifecycle start 200 parent 100 (bash): a) Z 1 (\n\xff /bin/sleep [\xff\xfe \n ) \x1b[31m]"},
		},
		{
			name: "a fork without an exec has neither start nor exit",
			story: func(h *machine) {
				h.fork(200, 100)
				h.exit(200, 0)
			},
		},
		{
			name: "a fork is announced if asked for, and so is its exit",
			story: func(h *machine) {
				h.forks = true
				h.set(h.subshell(200))
				h.fork(200, 100)
				h.remove(200)
				h.exit(200, 9)
			},
			want: []string{
				"lifecycle fork 200 parent 100 (bash): bash /bin/bash [bash -l]",
				"lifecycle exit 200 parent 100 (bash): bash /bin/bash [bash -l] status 0/9",
			},
		},
		{
			name: "a second program is a second start",
			story: func(h *machine) {
				h.fork(200, 100)
				p := h.sleeping(200)
				first := p
				first.name, first.args, first.exe = "env", "env sleep 1", "/bin/env"
				h.set(first)
				h.exec(200)
				h.set(p)
				h.exec(200)
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): env /bin/env [env sleep 1]",
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1]",
			},
		},
		{
			name: "an exec that was overtaken by the next one does not show that one's program",
			story: func(h *machine) {
				h.fork(200, 100)
				first, second := clock.Mono(), clock.Mono()
				h.set(h.sleeping(200))
				h.execs(200, first, second)
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): bash /bin/bash [bash -l] name_unread executable_unread command_line_unread" +
					" user_unread working_directory_unread image_inherited start_time_estimated login_unread cgroup_unread",
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1]",
			},
		},
		{
			name: "gone before it could be read: the image is that of the parent, and the event says so",
			story: func(h *machine) {
				h.fork(200, 100)
				h.exec(200)
				h.exit(200, 0)
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): bash /bin/bash [bash -l] name_unread executable_unread command_line_unread" +
					" user_unread working_directory_unread image_inherited start_time_estimated login_unread cgroup_unread",
				"lifecycle exit 200 parent 100 (bash): bash /bin/bash [bash -l] status 0/0 name_unread executable_unread command_line_unread" +
					" user_unread working_directory_unread image_inherited start_time_estimated login_unread cgroup_unread",
			},
		},
		{
			name: "only its entry is left: what that says is taken, the rest stays empty",
			story: func(h *machine) {
				h.fork(200, 100)
				h.set(task{pid: 200, ppid: 100, ticks: h.ticksNow(), name: "true", state: "Z"})
				h.exec(200)
				h.exit(200, 0)
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): true  [] executable_unread command_line_unread",
				"lifecycle exit 200 parent 100 (bash): true  [] status 0/0 executable_unread command_line_unread",
			},
		},
		{
			name: "its entry is going too, and names no parent any more: that of the fork stands",
			story: func(h *machine) {
				h.fork(200, 100)
				h.set(task{pid: 200, ticks: h.ticksNow(), name: "true", state: "X"})
				h.exec(200)
			},
			want: []string{"lifecycle start 200 parent 100 (bash): true  [] executable_unread command_line_unread"},
		},
		{
			name: "another process has the pid already: it is not taken for the one of the report",
			story: func(h *machine) {
				h.fork(200, 100)
				p := h.sleeping(200)
				p.ticks += 100 * startTolerance
				h.set(p)
				h.exec(200)
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): bash /bin/bash [bash -l] name_unread executable_unread command_line_unread" +
					" user_unread working_directory_unread image_inherited start_time_estimated login_unread cgroup_unread",
			},
		},
		{
			name: "the fork was lost: the start still names the parent",
			story: func(h *machine) {
				h.set(h.sleeping(200))
				h.exec(200)
			},
			want: []string{"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1]"},
		},
		{
			name: "the fork was lost and the process is gone: only the pid is known",
			story: func(h *machine) {
				h.exec(200)
				h.exit(200, 0)
			},
			want: []string{
				"lifecycle start 200 parent 0:   [] name_unread executable_unread command_line_unread" +
					" user_unread parent_unread working_directory_unread login_unread cgroup_unread",
				"lifecycle exit 200 parent 0:   [] status 0/0 name_unread executable_unread command_line_unread" +
					" user_unread parent_unread working_directory_unread login_unread cgroup_unread",
			},
		},
		{
			name: "the exit was lost and the pid is in use again",
			story: func(h *machine) {
				h.set(h.sleeping(200))
				h.exec(200)
				h.fork(200, 1)
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1]",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep 1] exit_status_unknown time_approximate inferred",
			},
		},
		{
			name: "a process of the snapshot has an exit, of which the parent is still known",
			story: func(h *machine) {
				h.remove(1)
				h.exit(1, 0)
				h.remove(100)
				h.exit(100, 1<<8)
			},
			want: []string{
				"lifecycle exit 1 parent 0: systemd /lib/systemd [/sbin/init] status 0/0",
				"lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] status 1/0",
			},
		},
		{
			name: "reports of other threads are not about the process",
			story: func(h *machine) {
				now := clock.Mono()
				h.apply(&report.Report{Kind: report.Fork, Thread: 201, PID: 100, Parent: 1, TimeNs: now})
				h.apply(&report.Report{Kind: report.UID, Thread: 201, PID: 100, Value: 5, TimeNs: now})
				h.apply(&report.Report{Kind: report.Exit, Thread: 201, PID: 100, TimeNs: now})
			},
		},
		{
			name: "reports from before the snapshot are about what it showed, or about earlier processes",
			story: func(h *machine) {
				old := h.table[100].asOf - 1
				h.apply(&report.Report{Kind: report.Fork, Thread: 100, PID: 100, Parent: 1, TimeNs: old})
				h.execs(100, old)
				h.apply(&report.Report{Kind: report.Exit, Thread: 100, PID: 100, TimeNs: old})
			},
		},
		{
			name:  "an exit of a process that nobody knows",
			story: func(h *machine) { h.exit(4711, 0) },
		},
	}
	runStories(t, tests)
}

// runStories runs each story on a host with a shell, and holds the events against what
// is wanted behind the snapshot.
func runStories(t *testing.T, stories []story) {
	t.Helper()
	for _, tt := range stories {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			h.set(systemd)
			h.set(shell)
			h.snapshot()
			tt.story(h)
			want := append([]string{sawSystemd, sawShell}, tt.want...)
			if diff := cmp.Diff(want, h.events); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheUserFollowsTheReports(t *testing.T) {
	h := newHost(t)
	h.set(shell)
	h.snapshot()
	h.apply(&report.Report{Kind: report.UID, Thread: 100, PID: 100, Value: 1000, TimeNs: clock.Mono()})
	h.apply(&report.Report{Kind: report.GID, Thread: 100, PID: 100, Value: 33, TimeNs: clock.Mono()})
	h.fork(200, 100)
	for _, pid := range []uint32{100, 200} {
		if r := h.table[pid]; r.UID != 1000 || r.GID != 33 {
			t.Errorf("pid %d: uid %d gid %d, want 1000 and 33", pid, r.UID, r.GID)
		}
	}
	h.apply(&report.Report{Kind: report.UID, Thread: 100, PID: 100, Value: 7, TimeNs: h.table[100].asOf - 1})
	if uid := h.table[100].UID; uid != 1000 {
		t.Errorf("uid %d after a report from before the snapshot, want 1000", uid)
	}
}

func TestTheKeyIsTheOneOfProc(t *testing.T) {
	h := newHost(t)
	h.set(shell)
	h.snapshot()
	h.fork(200, 100)
	if r := h.table[200]; !r.Flags.Has(event.StartTimeEstimated) {
		t.Error("the start of a fork is not flagged as an estimate")
	}
	p := h.sleeping(200)
	p.ticks++
	h.set(p)
	h.exec(200)
	if r := h.table[200]; r.StartTicks != p.ticks || r.Flags.Has(event.StartTimeEstimated) {
		t.Errorf("start ticks %d, flags %b; want those of /proc, %d", r.StartTicks, r.Flags, p.ticks)
	}
}
