package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/event"
)

// patience is how long a test waits for what must come; only a test that fails
// takes that long.
const patience = 20 * time.Second

// running is a collector that runs against the kernel of this machine.
type running struct {
	t      *testing.T
	mode   Mode
	events chan event.Process
	gaps   chan event.Gap
	stuck  sync.Mutex
	keep   bool // await keeps what it lets go
	kept   []event.Process
}

func skipUnlessPermitted(t *testing.T, o Options) {
	t.Helper()
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	s, err := choose(o.Mode, &o)
	if err != nil {
		t.Skip(err)
	}
	s.close()
}

// run starts a collector that ends with the test, and returns when its snapshot
// has reached this process.
func run(t *testing.T, o Options) *running {
	t.Helper()
	return runUntil(t, o, os.Getpid())
}

// runUntil is run, but for the process that the snapshot is to reach.
func runUntil(t *testing.T, o Options, pid int) *running {
	t.Helper()
	skipUnlessPermitted(t, o)
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, mode: o.Mode, events: make(chan event.Process, 1<<14), gaps: make(chan event.Gap, 1<<10)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, r.take) }() // awaited in the clean-up
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v after its context ended", err)
		}
	})
	first := r.await("the snapshot", func(p *event.Process) bool { return p.PID == uint32(pid) })
	if first.Operation != event.OpSnapshot {
		t.Fatalf("the first event of process %d is %v", pid, first.Operation)
	}
	return r
}

// stick has the collector wait within its next event, until loosen.
func (r *running) stick()  { r.stuck.Lock() }
func (r *running) loosen() { r.stuck.Unlock() }

func (r *running) take(m collector.Message) {
	r.stuck.Lock()
	defer r.stuck.Unlock()
	v, err := event.Parse(m.Payload)
	if err != nil {
		r.t.Errorf("%s: %v", m.Topic, err)
		return
	}
	if g, ok := event.Copy[event.Loss](v); ok {
		r.gaps <- g
	} else if p, ok := event.Copy[event.Detail](v); ok {
		r.events <- p
	}
}

// await returns the first event that is wanted; the others are let go.
func (r *running) await(what string, wanted func(*event.Process) bool) event.Process {
	r.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case p := <-r.events:
			if r.keep {
				r.kept = append(r.kept, p)
			}
			if wanted(&p) {
				return p
			}
		case <-timeout:
			r.t.Fatalf("%s did not come", what)
		}
	}
}

func (r *running) awaitOf(pid int, op event.Operation) event.Process {
	r.t.Helper()
	return r.await(op.String(), func(p *event.Process) bool { return p.PID == uint32(pid) && p.Operation == op })
}

// sources are the ways to learn of processes; every test of behaviour runs on both.
var sources = []struct {
	name    string
	options Options
}{
	{"ebpf", Options{Mode: ModeEBPF}},
	{"netlink", Options{Mode: ModeNetlink}},
	{"poll", Options{Mode: ModePoll, Interval: 20 * time.Millisecond}},
}

// command starts a program that ends with the test at the latest. Its argument
// tells it from the programs of others on this machine.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

func TestSleepStartsAndIsKilled(t *testing.T) {
	for _, source := range sources {
		t.Run(source.name, func(t *testing.T) {
			r := run(t, source.options)
			cmd := command(t, "/bin/sleep", "1000")
			start := r.awaitOf(cmd.Process.Pid, event.OpStart)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			exit := r.awaitOf(cmd.Process.Pid, event.OpExit)

			for _, p := range []event.Process{start, exit} {
				checkSleep(t, p)
			}
			if start.StartTicks == 0 || start.StartTicks != exit.StartTicks {
				t.Errorf("start ticks %d, at the exit %d", start.StartTicks, exit.StartTicks)
			}
			if exit.MonoNs < start.MonoNs || exit.Sequence <= start.Sequence {
				t.Error("the exit is before the start")
			}
			known := !exit.Flags.Has(event.ExitStatusUnknown)
			if polled := source.options.Mode == ModePoll; known == polled {
				t.Errorf("exit status known: %v", known)
			}
			if known && exit.Body.Signal != uint8(unix.SIGKILL) {
				t.Errorf("exit signal %d, want %d", exit.Body.Signal, unix.SIGKILL)
			}
		})
	}
}

func checkSleep(t *testing.T, p event.Process) {
	t.Helper()
	executable, err := filepath.EvalSymlinks("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []struct {
		name      string
		got, want any
	}{
		{"ppid", p.PPID, uint32(os.Getpid())},
		{"uid", p.UID, event.Known(uint64(os.Geteuid()))},
		{"gid", p.GID, event.Known(uint64(os.Getegid()))},
		{"command line", p.CommandLine, "/bin/sleep\x001000\x00"},
		{"executable", p.Executable, executable},
		{"name", p.Name, filepath.Base(executable)},
		{"parent's executable", p.ParentExecutable, self},
		{"collector", p.Collector, "process"},
	} {
		// A sleep of busybox is named as it was called.
		if field.name == "name" && p.Name == "sleep" {
			continue
		}
		if field.got != field.want {
			t.Errorf("%v: %s is %q, want %q", p.Operation, field.name, field.got, field.want)
		}
	}
	if unread := p.Flags &^ (event.TimeApproximate | event.ExitStatusUnknown); unread != 0 {
		t.Errorf("%v: flags %b", p.Operation, unread)
	}
	if p.BootID == [16]byte{} || p.Host == "" || p.WallNs == 0 {
		t.Errorf("%v: header without boot id, host or time", p.Operation)
	}
}

func TestTheExitCodeIsReported(t *testing.T) {
	r := run(t, Options{Mode: ModeNetlink})
	cmd := command(t, "/bin/sh", "-c", "exit 3")
	_ = cmd.Wait()
	if exit := r.awaitOf(cmd.Process.Pid, event.OpExit); exit.Body != (event.Detail{Code: 3}) {
		t.Errorf("code %d signal %d, want 3 and 0", exit.Body.Code, exit.Body.Signal)
	}
}

// TestSubshells has a shell fork a child that never execs, run a program, and
// become a program: the child is announced only if forks are asked for. Each
// process lives until what is wanted of it has been seen.
func TestSubshells(t *testing.T) {
	for _, source := range sources {
		for _, forks := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/forks=%v", source.name, forks), func(t *testing.T) {
				o := source.options
				o.Forks = forks
				r := run(t, o)
				subshell, program, last := newGate(t), newGate(t), newGate(t)
				cmd := exec.Command("/bin/sh", "-c", "(read x <&3; exit 7) & /bin/cat <&4; wait; exec /bin/cat <&5")
				cmd.ExtraFiles = []*os.File{subshell.in, program.in, last.in}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				shell := uint32(cmd.Process.Pid)
				var seen []string
				await := func(what string) {
					t.Helper()
					r.await(what, func(p *event.Process) bool {
						who := "child"
						if p.PID == shell {
							who = "shell"
						} else if p.PPID != shell {
							return false
						}
						got := fmt.Sprintf("%v %s %s", p.Operation, who, p.Name)
						seen = append(seen, got)
						return got == what
					})
				}
				await("start child cat")
				program.open()
				await("exit child cat")
				subshell.open()
				await("start shell cat")
				last.open()
				await("exit shell cat")
				if err := cmd.Wait(); err != nil {
					t.Fatal(err)
				}
				for _, op := range []string{"fork child sh", "exit child sh"} {
					if slices.Contains(seen, op) != forks {
						t.Errorf("%q with forks=%v: %q", op, forks, seen)
					}
				}
				if slices.Contains(seen, "start child sh") {
					t.Errorf("the subshell has a start: %q", seen)
				}
			})
		}
	}
}

// gate is what a program waits at: it reads until the test opens.
type gate struct{ in, out *os.File }

func newGate(t *testing.T) gate {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); out.Close() })
	return gate{in, out}
}

func (g gate) open() { g.out.Close() }

// TestShortLivedProcessesAllHaveStartAndExit runs many programs that end at once:
// not all of them can be read in time, but each start has its exit, the parent
// is always known, and nothing is lost.
func TestShortLivedProcessesAllHaveStartAndExit(t *testing.T) {
	const n = 300
	r := run(t, Options{Mode: ModeNetlink})
	cmd := command(t, "/bin/sh", "-c", "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done")
	_ = cmd.Wait()
	starts, exits, unread := map[uint32]bool{}, 0, 0
	r.await("the exit of the shell", func(p *event.Process) bool {
		if p.PPID == uint32(cmd.Process.Pid) {
			switch p.Operation {
			case event.OpStart:
				starts[p.PID] = true
				if p.Flags.Has(event.CommandLineUnread) {
					unread++
				}
			case event.OpExit:
				exits++
				if !starts[p.PID] {
					t.Errorf("exit of %d without a start", p.PID)
				}
			}
			if p.ParentName != "sh" {
				t.Errorf("parent is %q, want sh", p.ParentName)
			}
		}
		return p.PID == uint32(cmd.Process.Pid) && p.Operation == event.OpExit
	})
	if len(starts) != n || exits != n {
		t.Errorf("%d starts and %d exits, want %d of each", len(starts), exits, n)
	}
	t.Logf("command line unread: %d of %d", unread, n)
	select {
	case g := <-r.gaps:
		t.Errorf("lost %d: %s", g.Body.Lost, g.Body.Reason)
	default:
	}
}

func TestRunMayBeCalledAgain(t *testing.T) {
	for _, source := range sources {
		t.Run(source.name, func(t *testing.T) {
			skipUnlessPermitted(t, source.options)
			c, err := New(source.options)
			if err != nil {
				t.Fatal(err)
			}
			last := uint64(0)
			for round := range 2 {
				ctx, cancel := context.WithCancel(t.Context())
				snapshots := 0
				err := c.Run(ctx, func(m collector.Message) {
					v, err := event.Parse(m.Payload)
					if err != nil {
						t.Fatal(err)
					}
					if v.Sequence() != last+1 {
						t.Errorf("sequence %d behind %d", v.Sequence(), last)
					}
					last = v.Sequence()
					if m.Topic == TopicBatch {
						snapshots++
						cancel() // Run notices behind the snapshot
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				if snapshots == 0 {
					t.Errorf("round %d has no snapshot", round)
				}
			}
		})
	}
}
