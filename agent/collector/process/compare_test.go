package process

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/event"
)

// TestComparisonsWithProc changes what /proc shows between two polls, and holds
// the events against what is wanted behind the snapshot.
func TestComparisonsWithProc(t *testing.T) {
	hidden := func(p task) task { p.stack = 0; return p } // as to one without privileges
	tests := []struct {
		name  string
		story func(h *machine)
		want  []string
	}{
		{name: "nothing changes", story: func(h *machine) { h.poll() }},
		{
			name: "a start and an exit",
			story: func(h *machine) {
				h.set(h.sleeping(200))
				h.poll()
				h.remove(200)
				h.poll()
				h.poll()
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1] time_approximate",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep 1] exit_status_unknown time_approximate",
			},
		},
		{
			name: "an entry that waits for its parent has ended",
			story: func(h *machine) {
				h.set(h.sleeping(200))
				h.poll()
				p := h.sleeping(200)
				p.state = "Z"
				h.set(p)
				h.poll()
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1] time_approximate",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep 1] exit_status_unknown time_approximate",
			},
		},
		{
			name: "a process whose leader has ended lives on",
			story: func(h *machine) {
				p := shell
				p.state, p.threads, p.loading, p.stack = "Z", 2, true, 0
				h.set(p)
				h.poll()
				h.remove(100)
				h.poll()
			},
			want: []string{"lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] exit_status_unknown time_approximate"},
		},
		{
			name: "one whose leader had ended before is seen, although its program is not",
			story: func(h *machine) {
				p := h.sleeping(200)
				p.state, p.threads, p.loading, p.stack, p.args, p.exe = "Z", 2, true, 0, "", ""
				h.set(p)
				h.poll()
				h.remove(200)
				h.poll()
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep  [] executable_unread command_line_unread time_approximate",
				"lifecycle exit 200 parent 100 (bash): sleep  [] executable_unread command_line_unread exit_status_unknown time_approximate",
			},
		},
		{
			name: "a subshell has neither start nor exit",
			story: func(h *machine) {
				h.set(h.subshell(200))
				h.poll()
				h.remove(200)
				h.poll()
			},
		},
		{
			name: "a subshell of a program whose file was replaced is one still",
			story: func(h *machine) {
				p := h.subshell(200)
				p.exe += " (deleted)"
				h.set(p)
				h.poll()
			},
		},
		{
			name: "a program whose file was replaced says so",
			story: func(h *machine) {
				p := h.sleeping(200)
				p.exe += " (deleted)"
				h.set(p)
				h.poll()
			},
			want: []string{"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1] time_approximate executable_deleted"},
		},
		{
			name: "a subshell is announced if asked for",
			story: func(h *machine) {
				h.forks = true
				h.set(h.subshell(200))
				h.poll()
				h.remove(200)
				h.poll()
			},
			want: []string{
				"lifecycle fork 200 parent 100 (bash): bash /bin/bash [bash -l] time_approximate",
				"lifecycle exit 200 parent 100 (bash): bash /bin/bash [bash -l] exit_status_unknown time_approximate",
			},
		},
		{
			name: "a subshell that execs has a start then",
			story: func(h *machine) {
				p := h.subshell(200)
				h.set(p)
				h.poll()
				p.stack, p.name, p.args, p.exe = 0x300, "sleep", "sleep 1", "/bin/sleep"
				h.set(p)
				h.poll()
			},
			want: []string{"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1] time_approximate"},
		},
		{
			name: "an exec that is under way is looked at when it is done",
			story: func(h *machine) {
				p := h.sleeping(200)
				p.loading = true
				h.set(p)
				h.poll()
				p.loading = false
				h.set(p)
				h.poll()
				p.stack, p.loading = 0x400, true
				h.set(p)
				h.poll()
				p.stack, p.name, p.loading = 0x500, "again", false
				h.set(p)
				h.poll()
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1] time_approximate",
				"lifecycle start 200 parent 100 (bash): again /bin/sleep [sleep 1] time_approximate",
			},
		},
		{
			name: "the same program again is a start: the stack has moved",
			story: func(h *machine) {
				p := shell
				p.stack++
				h.set(p)
				h.poll()
			},
			want: []string{"lifecycle start 100 parent 1 (systemd): bash /bin/bash [bash -l] time_approximate"},
		},
		{
			name: "a process that renames itself has not started",
			story: func(h *machine) {
				p := shell
				p.name, p.args = "bash: busy", "bash: busy"
				h.set(p)
				h.poll()
				if got := h.table[100].Image.Name; got != "bash: busy" {
					h.t.Errorf("the table calls it %q", got)
				}
			},
		},
		{
			name: "the pid is in use again",
			story: func(h *machine) {
				p := shell
				p.ticks += 1000
				h.set(p)
				h.poll()
			},
			want: []string{
				"lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] exit_status_unknown time_approximate",
				"lifecycle start 100 parent 1 (systemd): bash /bin/bash [bash -l] time_approximate",
			},
		},
		{
			name: "children end before parents, parents start before children",
			story: func(h *machine) {
				parent, child := h.sleeping(200), h.sleeping(150)
				child.ppid, child.ticks, child.stack = 200, parent.ticks+1, 0x400
				h.set(parent)
				h.set(child)
				h.poll()
				h.remove(200)
				h.remove(150)
				h.poll()
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1] time_approximate",
				"lifecycle start 150 parent 200 (sleep): sleep /bin/sleep [sleep 1] time_approximate",
				"lifecycle exit 150 parent 200 (sleep): sleep /bin/sleep [sleep 1] exit_status_unknown time_approximate",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep 1] exit_status_unknown time_approximate",
			},
		},
		{
			name: "threads of the kernel come and go unannounced",
			story: func(h *machine) {
				h.set(task{pid: 300, ppid: 2, ticks: 900, name: "kworker/0:1", flags: kernelThread})
				h.poll()
				h.remove(300)
				h.poll()
			},
		},
		{
			name: "without a stack to see, a new process is a start even if it looks like its parent",
			story: func(h *machine) {
				h.set(hidden(h.subshell(200)))
				h.poll()
			},
			want: []string{"lifecycle start 200 parent 100 (bash): bash /bin/bash [bash -l] time_approximate"},
		},
		{
			name: "without a stack to see, another name and another program are a start",
			story: func(h *machine) {
				p := hidden(h.sleeping(200))
				h.set(p)
				h.poll()
				p.name, p.args, p.exe = "cat", "cat", "/bin/cat"
				h.set(p)
				h.poll()
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1] time_approximate",
				"lifecycle start 200 parent 100 (bash): cat /bin/cat [cat] time_approximate",
			},
		},
		{
			name: "without a stack to see, another name alone is none",
			story: func(h *machine) {
				p := hidden(h.sleeping(200))
				h.set(p)
				h.poll()
				p.name = "dozing"
				h.set(p)
				h.poll()
			},
			want: []string{"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1] time_approximate"},
		},
		{
			name: "an executable that is kept from us",
			story: func(h *machine) {
				p := h.sleeping(200)
				p.exe = ""
				h.set(p)
				h.poll()
			},
			want: []string{"lifecycle start 200 parent 100 (bash): sleep  [sleep 1] executable_unread time_approximate"},
		},
		{
			name: "a parent that nobody knows",
			story: func(h *machine) {
				p := h.sleeping(200)
				p.ppid = 4711
				h.set(p)
				h.poll()
			},
			want: []string{"lifecycle start 200 parent 4711: sleep /bin/sleep [sleep 1] parent_unread time_approximate"},
		},
	}
	for _, tt := range tests {
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

func TestAnEventHasWhatProcSays(t *testing.T) {
	const container = "4f1c0c9b1d5e2f3a4b5c6d7e8f90112233445566778899aabbccddeeff001122"
	h := newHost(t)
	h.set(systemd)
	inside := shell
	inside.login, inside.cgroup = "1000", "0::/system.slice/docker-"+container+".scope"
	h.set(inside)
	var got event.Process
	h.sink = func(m collector.Message) {
		v, err := event.Parse(m.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := event.Copy[event.Detail](v); ok && p.PID == 100 {
			got = p
		}
	}
	h.snapshot()
	now := h.clock.Now()
	if want := now.WallNs - now.BootNs + 500*clock.TickNs; got.StartNs < want-2*clock.TickNs || got.StartNs > want+2*clock.TickNs {
		t.Errorf("it started at %d, want %d or so", got.StartNs, want)
	}
	if got.MonoNs == 0 || got.WallNs == 0 {
		t.Error("the event has no time")
	}
	got.MonoNs, got.WallNs, got.StartNs = 0, 0, 0
	want := event.Process{
		Header: event.Header{
			Type:       event.TypeProcess,
			Operation:  event.OpSnapshot,
			PID:        100,
			StartTicks: 500,
			Sequence:   2,
		},
		Origin: event.Origin{
			BootID:    [16]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff},
			Host:      "web-1",
			Collector: "process",
		},
		Actor: event.Actor{
			PPID:              1,
			ParentStartTicks:  10,
			UID:               event.Known(uint64(os.Geteuid())), // who owns the files
			GID:               event.Known(uint64(os.Getegid())),
			User:              h.ownName(),
			LoginUID:          event.Known(1000),
			LoginUser:         "ann",
			Container:         container,
			Unit:              "docker-" + container + ".scope",
			Name:              "bash",
			Executable:        "/bin/bash",
			CommandLine:       "bash\x00-l\x00",
			Directory:         "/srv",
			ParentName:        "systemd",
			ParentExecutable:  "/lib/systemd",
			ParentCommandLine: "/sbin/init",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAProcThatCannotBeReadIsNotTheEndOfEverything(t *testing.T) {
	h := newHost(t)
	h.set(shell)
	h.snapshot()
	// A directory where a file should be: an error that is not about the process.
	stat := filepath.Join(h.root, "100", "stat")
	if err := os.Remove(stat); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(stat, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := h.compare(event.OpStart, 0); err == nil {
		t.Error("no error")
	}
	if len(h.events) != 1 {
		t.Errorf("events %q, want the snapshot only", h.events)
	}
}
