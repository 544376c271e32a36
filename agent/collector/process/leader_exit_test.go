package process

import "testing"

// cat is the program that the shell's process runs next.
var cat = task{pid: 100, ppid: 1, ticks: 500, stack: 0x200, name: "cat", args: "cat", exe: "/bin/cat"}

// TestEndsOfThreads are not taken for ends of processes, whichever thread ends first, nor
// is an exec by another thread than the leader.
func TestEndsOfThreads(t *testing.T) {
	runStories(t, []story{
		{
			name: "the leader ends before the others: the last one is the end, with its status",
			story: func(h *machine) {
				p := h.sleeping(200)
				h.set(p)
				h.exec(200)
				p.state, p.threads = "Z", 3
				h.set(p)
				h.exit(200, 0)
				h.exitThread(200, 201, 0)
				h.remove(200)
				h.exitThread(200, 202, 3<<8)
				h.exitThread(200, 203, 0)
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1]",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep 1] status 3/0",
			},
		},
		{
			name: "the last thread counts still when its end is reported: a later look tells",
			story: func(h *machine) {
				p := h.sleeping(200)
				h.set(p)
				h.exec(200)
				p.state, p.threads = "Z", 2
				h.set(p)
				h.exit(200, 9)
				if !h.settleDoubts(true) {
					h.t.Error("it is in doubt no more")
				}
				h.remove(200)
				h.settle()
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1]",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep 1] status 0/9",
			},
		},
		{
			name: "the leader was on its way out when another one ended the process",
			story: func(h *machine) {
				h.exitThread(100, 101, 3<<8)
				h.exitThread(100, 102, 0)
				h.remove(100)
				h.exit(100, 0)
				h.settle()
			},
			want: []string{"lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] status 3/0"},
		},
		{
			name: "its pid is in use again before the later look",
			story: func(h *machine) {
				p := h.sleeping(200)
				h.set(p)
				h.exec(200)
				p.state, p.threads = "Z", 2
				h.set(p)
				h.exit(200, 9)
				h.fork(200, 1)
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep 1]",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep 1] status 0/9",
			},
		},
		{
			name: "one that lives on is looked at no more than a few times",
			story: func(h *machine) {
				p := shell
				p.state, p.threads = "Z", 2
				h.set(p)
				h.exit(100, 0)
				looks := 1
				for h.settleDoubts(true) {
					looks++
				}
				if looks > doubtLooks+1 {
					h.t.Errorf("%d looks", looks)
				}
				h.remove(100)
				h.exitThread(100, 101, 1<<8)
			},
			want: []string{"lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] status 1/0"},
		},
		{
			name: "another thread execs, and waits for the leader when we look",
			story: func(h *machine) {
				p := shell
				p.state, p.threads = "Z", 2
				h.set(p)
				h.exit(100, 0)
				h.set(cat)
				h.exec(100)
				h.settle()
				h.remove(100)
				h.exit(100, 0)
			},
			want: []string{
				"lifecycle start 100 parent 1 (systemd): cat /bin/cat [cat]",
				"lifecycle exit 100 parent 1 (systemd): cat /bin/cat [cat] status 0/0",
			},
		},
		{
			name: "another thread execs, and has taken the leader's place when we look",
			story: func(h *machine) {
				h.forkThread(100, 101)
				h.exit(100, 0)
				h.settle()
				h.set(cat)
				h.exec(100)
			},
			want: []string{"lifecycle start 100 parent 1 (systemd): cat /bin/cat [cat]"},
		},
		{
			name: "another thread execs, and its program has ended when we look",
			story: func(h *machine) {
				h.forkThread(100, 101)
				h.remove(100)
				h.exit(100, 0)
				h.settleDoubts(true)
				h.exec(100)
				h.settle()
				h.exit(100, 3<<8)
			},
			want: []string{
				"lifecycle start 100 parent 1 (systemd): bash /bin/bash [bash -l] name_unread executable_unread command_line_unread" +
					" user_unread working_directory_unread image_inherited login_unread cgroup_unread",
				"lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] status 3/0 name_unread executable_unread command_line_unread" +
					" user_unread working_directory_unread image_inherited login_unread cgroup_unread",
			},
		},
		{
			name: "another thread execs after the leader has ended",
			story: func(h *machine) {
				p := shell
				p.state, p.threads = "Z", 3
				h.set(p)
				h.exit(100, 0)
				h.settleDoubts(true)
				h.set(cat) // it has taken the leader's place, and the report of the exec is on its way
				h.exitThread(100, 102, 0)
				h.settle()
				h.exec(100)
			},
			want: []string{"lifecycle start 100 parent 1 (systemd): cat /bin/cat [cat]"},
		},
		{
			name: "the report of the exec was lost: two ends of a leader are one of its process",
			story: func(h *machine) {
				h.forkThread(100, 101)
				h.remove(100)
				h.exit(100, 0)
				h.exit(100, 3<<8)
			},
			want: []string{"lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] status 3/0"},
		},
		{
			name: "what had threads ends when no exec can be on its way",
			story: func(h *machine) {
				h.forkThread(100, 101)
				h.remove(100)
				h.exit(100, 0)
				for range idleLooks - 1 {
					h.settleDoubts(true)
				}
				h.settleDoubts(false)
				for range idleLooks - 1 {
					h.settleDoubts(true)
				}
				if len(h.events) > 2 {
					h.t.Error("it has ended too early")
				}
				h.settleDoubts(true)
			},
			want: []string{"lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] status 0/0"},
		},
		{
			name: "or when reports have been waiting for long",
			story: func(h *machine) {
				h.forkThread(100, 101)
				h.remove(100)
				h.exit(100, 0)
				for range doubtLooks - 1 {
					h.settleDoubts(false)
				}
				if len(h.events) > 2 {
					h.t.Error("it has ended too early")
				}
				h.settleDoubts(false)
			},
			want: []string{"lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] status 0/0"},
		},
		{
			name: "with a status there is no exec",
			story: func(h *machine) {
				h.forkThread(100, 101)
				h.remove(100)
				h.exit(100, 1<<8)
			},
			want: []string{"lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] status 1/0"},
		},
		{
			name: "a program that another thread ran begins with one thread",
			story: func(h *machine) {
				h.forkThread(100, 101)
				h.set(cat)
				h.exec(100)
				h.remove(100)
				h.exit(100, 0)
			},
			want: []string{
				"lifecycle start 100 parent 1 (systemd): cat /bin/cat [cat]",
				"lifecycle exit 100 parent 1 (systemd): cat /bin/cat [cat] status 0/0",
			},
		},
		{
			name: "that /proc cannot be read is not the end",
			story: func(h *machine) {
				h.remove(100)
				h.write("100/stat/x", "") // reading a folder is an error
				h.exit(100, 0)
				h.settleDoubts(true)
				h.settleDoubts(true)
				h.set(shell)
				h.settle()
				h.remove(100)
				h.exit(100, 2<<8)
			},
			want: []string{"lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] status 2/0"},
		},
		{
			name: "a comparison with /proc knows an end that was reported",
			story: func(h *machine) {
				h.forkThread(100, 101)
				h.remove(100)
				h.exit(100, 0)
				h.poll()
			},
			want: []string{"lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] status 0/0"},
		},
		{
			name: "a comparison with /proc sees that a thread has taken the leader's place",
			story: func(h *machine) {
				p := shell
				p.state, p.threads = "Z", 2
				h.set(p)
				h.exit(100, 0)
				q := cat
				q.stack = 0x999
				h.set(q)
				h.poll()
				h.settle()
			},
			want: []string{"lifecycle start 100 parent 1 (systemd): cat /bin/cat [cat] time_approximate"},
		},
	})
}
