package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
	"github.com/daemoneye/eventbus/agent/event"
)

// The reports of the kernel's programs, which are of whole processes, and show themselves
// which process it is and what it runs.

func (h *machine) complete(kind report.Kind, pid, ppid uint32, ticks uint64) *report.Report {
	return &report.Report{
		Kind: kind, Thread: pid, PID: pid, Parent: ppid, TimeNs: clock.Mono(),
		Complete: true, StartTicks: ticks, UID: h.user, GID: h.user,
	}
}

func (h *machine) begun(pid, ppid uint32, ticks uint64) {
	h.apply(h.complete(report.Fork, pid, ppid, ticks))
}

func (h *machine) ran(pid, ppid uint32, ticks uint64, name string) {
	h.seen(h.complete(report.Exec, pid, ppid, ticks), name)
}

// seen applies an exec of a program.
func (h *machine) seen(r *report.Report, name string) {
	r.SeenAt = r.TimeNs
	r.Seen = &proc.Observation{
		PPID: r.Parent, UID: r.UID, GID: r.GID, Login: proc.Nobody, StartTicks: r.StartTicks, Stack: 7, Alive: true,
		Image: proc.Image{Name: name, Executable: "/bin/" + name, CommandLine: name + "\x00", Directory: "/"},
	}
	h.apply(r)
}

func (h *machine) over(pid uint32, ticks uint64, status uint32) {
	r := h.complete(report.Exit, pid, 0, ticks)
	r.Value = status
	h.apply(r)
}

// leftOut is an exec that was left out in the kernel, and is needed now.
func (h *machine) leftOut(pid, ppid uint32, ticks uint64, name string, at int64) {
	r := h.complete(report.Exec, pid, ppid, ticks)
	r.TimeNs, r.LeftOut = at, true
	h.seen(r, name)
}

func TestCompleteReports(t *testing.T) {
	runStories(t, []story{
		{
			name: "a program that was left out in the kernel is named by what it starts",
			story: func(h *machine) {
				h.begun(200, 100, 500)
				h.leftOut(200, 100, 500, "cron", clock.Mono())
				h.begun(201, 200, 501)
				h.ran(201, 200, 501, "job")
				h.over(201, 501, 0)
				h.over(200, 500, 0)
			},
			want: []string{
				"lifecycle start 201 parent 200 (cron): job /bin/job [job]",
				"lifecycle exit 201 parent 200 (cron): job /bin/job [job] status 0/0",
			},
		},
		{
			name: "the end of a program that was left out in the kernel is, whatever ran before it",
			story: func(h *machine) {
				h.begun(200, 100, 500)
				h.ran(200, 100, 500, "env")
				r := h.complete(report.Exit, 200, 0, 500)
				r.LeftOut = true
				h.apply(r)
			},
			want: []string{"lifecycle start 200 parent 100 (bash): env /bin/env [env]"},
		},
		{
			name: "its user changes once, although its record comes after a look that has found that",
			story: func(h *machine) {
				h.begun(200, 100, 500)
				at := clock.Mono()
				h.table[200].setUser(0, 0) // the look
				h.leftOut(200, 100, 500, "su", at)
				h.user = 33
				h.over(200, 500, 0)
			},
			want: []string{"metadata credentials 200 parent 100 (bash): su /bin/su [su] time_approximate user_name_unread"},
		},
		{
			name: "it is left alone where a later program is known",
			story: func(h *machine) {
				h.begun(200, 100, 500)
				at := clock.Mono()
				h.ran(200, 100, 500, "sleep")
				h.leftOut(200, 100, 500, "env", at)
				h.over(200, 500, 0)
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep]",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep] status 0/0",
			},
		},
		{
			name: "nothing is left to /proc",
			story: func(h *machine) {
				h.begun(200, 100, 500)
				h.ran(200, 100, 500, "env")
				h.ran(200, 100, 500, "sleep")
				h.over(200, 500, 3<<8)
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): env /bin/env [env]",
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep]",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep] status 3/0",
			},
		},
		{
			name: "a pid is used again, and no record of the end was lost",
			story: func(h *machine) {
				for _, ticks := range []uint64{500, 501} {
					h.begun(200, 100, ticks)
					h.ran(200, 100, ticks, "sleep")
					h.over(200, ticks, 0)
				}
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep]",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep] status 0/0",
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep]",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep] status 0/0",
			},
		},
		{
			name: "a pid is used again, and the records of the end and of the fork were lost",
			story: func(h *machine) {
				h.begun(200, 100, 500)
				h.ran(200, 100, 500, "sleep")
				h.ran(200, 100, 900, "cat")
				h.over(200, 900, 0)
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep]",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep] exit_status_unknown time_approximate inferred",
				"lifecycle start 200 parent 100 (bash): cat /bin/cat [cat]",
				"lifecycle exit 200 parent 100 (bash): cat /bin/cat [cat] status 0/0",
			},
		},
		{
			name: "an end is that of a later process with the pid, whose fork was lost",
			story: func(h *machine) {
				h.ran(200, 100, 500, "sleep")
				h.over(200, 900, 0)
				h.over(200, 900, 0)
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep]",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep] exit_status_unknown time_approximate inferred",
			},
		},
		{
			name: "a user that changed is noted with the next record",
			story: func(h *machine) {
				h.begun(200, 100, 500)
				h.user = 0
				h.ran(200, 100, 500, "sleep")
				h.user = 1000
				h.over(200, 500, 0)
			},
			want: []string{
				"metadata credentials 200 parent 100 (bash): bash /bin/bash [bash -l] time_approximate",
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep]",
				"metadata credentials 200 parent 100 (bash): sleep /bin/sleep [sleep] time_approximate",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep] status 0/0",
			},
		},
		{
			name: "an end is that of an earlier process with the pid",
			story: func(h *machine) {
				h.ran(200, 100, 500, "sleep")
				h.over(200, 400, 0)
				h.over(200, 500, 9)
			},
			want: []string{
				"lifecycle start 200 parent 100 (bash): sleep /bin/sleep [sleep]",
				"lifecycle exit 200 parent 100 (bash): sleep /bin/sleep [sleep] status 0/9",
			},
		},
	})
}

// TestTheStartIsWithoutAGap starts a collector again and again while processes begin and
// end. Each that it shows has one beginning and one end, and none is missing that began
// behind the snapshot.
func TestTheStartIsWithoutAGap(t *testing.T) {
	for _, mode := range []Mode{ModeEBPF, ModeNetlink} {
		t.Run(string(mode), func(t *testing.T) {
			skipUnlessPermitted(t, Options{Mode: mode})
			for range 5 {
				startAmidst(t, mode)
			}
		})
	}
}

func startAmidst(t *testing.T, mode Mode) {
	t.Helper()
	c, err := New(Options{Mode: mode})
	if err != nil {
		t.Fatal(err)
	}
	var (
		first  = make(chan struct{})             // of ours has run
		ready  = make(chan struct{})             // the snapshot is over
		behind = make(chan struct{})             // enough have run behind it
		seen   = make(chan struct{})             // the one behind all of ours
		own    = map[uint32]bool{}               // pids of ours, and whether they began behind the snapshot
		marker = fmt.Sprint("987.", os.Getpid()) // others may run this test too
		args   = event.MustField(event.TableProcess, "process.args")
	)
	var generator sync.WaitGroup
	generator.Go(func() {
		defer close(behind)
		for n, after := 0, 0; after < 20; n++ {
			select {
			case <-ready:
				after++
			default:
			}
			cmd := exec.Command("/bin/true")
			if err := cmd.Run(); err != nil {
				t.Error(err)
				return
			}
			own[uint32(cmd.Process.Pid)] = after > 0
			if n == 0 {
				close(first)
			}
		}
	})
	<-first
	states := map[uint32]string{}
	over := false
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { // awaited below
		ended <- c.Run(ctx, func(m collector.Message) {
			v, err := event.Parse(m.Payload)
			if err != nil {
				t.Error(err)
				return
			}
			if v.Operation() != event.OpSnapshot && !over {
				over = true
				close(ready)
			}
			states[v.PID()] += v.Operation().String() + " "
			if v.Operation() == event.OpStart && string(v.Item(args, 1)) == marker {
				close(seen)
			}
		})
	}()
	await := func(c chan struct{}, what string) {
		t.Helper()
		select {
		case <-c:
		case <-time.After(patience):
			t.Fatalf("%s did not come", what)
		}
	}
	await(behind, "the last process")
	command(t, "/bin/sleep", marker)
	await(seen, "the program behind it")
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	generator.Wait()
	for pid, after := range own {
		switch s := states[pid]; s {
		case "start exit ":
		case "", "snapshot exit ", "snapshot start exit ":
			if after {
				t.Errorf("process %d, which began behind the snapshot: %q", pid, s)
			}
		default:
			t.Errorf("process %d: %q", pid, s)
		}
	}
}
