package process

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/daemoneye/eventbus/agent/event"
)

// TestAProcessThatOutlivesItsLeader is seen until its last one ends, also
// when it was in that state before the collector looked.
func TestAProcessThatOutlivesItsLeader(t *testing.T) {
	program := build(t, `
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void *rest(void *main) {
	char c;
	pthread_join(*(pthread_t *)main, NULL);
	write(1, "x", 1);
	read(0, &c, 1);
	exit(3);
}
int main(void) {
	static pthread_t self, other;
	self = pthread_self();
	pthread_create(&other, NULL, rest, &self);
	read(0, &(char){0}, 1);
	pthread_exit(NULL);
}`)
	begin := func(t *testing.T) (cmd *exec.Cmd, step, await func()) {
		t.Helper()
		cmd = exec.Command(program)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		step = func() {
			if _, err := in.Write([]byte{'x'}); err != nil {
				t.Error(err)
			}
		}
		await = func() { _, _ = out.Read(make([]byte, 1)) }
		return cmd, step, await
	}
	for _, source := range sources {
		t.Run(source.name, func(t *testing.T) {
			early, stepEarly, awaitEarly := begin(t)
			stepEarly()
			awaitEarly()
			r := runUntil(t, source.options, early.Process.Pid)
			cmd, step, await := begin(t)
			start := r.awaitOf(cmd.Process.Pid, event.OpStart)
			step()
			await()
			// What comes later shows that nothing came of the leader's end.
			marker := command(t, "/bin/sleep", "1000")
			r.await("the marker", func(p *event.Process) bool {
				if p.Operation == event.OpExit && (p.PID == uint32(cmd.Process.Pid) || p.PID == uint32(early.Process.Pid)) {
					t.Errorf("%d is said to have ended", p.PID)
				}
				return p.PID == uint32(marker.Process.Pid)
			})
			for _, x := range []struct {
				cmd  *exec.Cmd
				step func()
			}{{cmd, step}, {early, stepEarly}} {
				x.step()
				exit := r.awaitOf(x.cmd.Process.Pid, event.OpExit)
				if !exit.Flags.Has(event.ExitStatusUnknown) && exit.Body.Code != 3 {
					t.Errorf("exit code %d, want 3", exit.Body.Code)
				}
				if x.cmd == cmd && exit.StartTicks != start.StartTicks {
					t.Error("start and exit have not the same key")
				}
			}
		})
	}
}

// TestAnExecByAnotherThread is no end of the process, however soon the new program
// ends: there is one exit, with the status of that program.
func TestAnExecByAnotherThread(t *testing.T) {
	program := build(t, `
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static char *self;
static void *run(void *arg) {
	execl(self, self, arg, (char *)0);
	abort();
}
int main(int argc, char **argv) {
	pthread_t other;
	self = argv[0];
	if (argc > 2) {
		pthread_create(&other, NULL, run, argv[2]);
		if (argv[1][0] == 'e')
			pthread_exit(NULL);
		pause();
	}
	if (argv[1][0] == 'w')
		read(0, &(char){0}, 1);
	return 7;
}`)
	for _, source := range sources {
		for _, leader := range []string{"stays", "ends"} {
			t.Run(source.name+", the leader "+leader, func(t *testing.T) {
				r := run(t, source.options)
				cmd := exec.Command(program, leader, "wait")
				in, err := cmd.StdinPipe()
				if err == nil {
					err = cmd.Start()
				}
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
				pid := uint32(cmd.Process.Pid)
				r.await("the second program", func(p *event.Process) bool {
					if p.PID == pid && p.Operation == event.OpExit {
						t.Error("the exec is said to be an exit")
					}
					return p.PID == pid && p.CommandLine == program+"\x00wait\x00"
				})
				in.Close()
				exit := r.awaitOf(cmd.Process.Pid, event.OpExit)
				if !exit.Flags.Has(event.ExitStatusUnknown) && exit.Body.Code != 7 {
					t.Errorf("the exit code is %d", exit.Body.Code)
				}
			})
		}
	}
	t.Run("netlink, the second program ends at once", func(t *testing.T) {
		r := run(t, Options{Mode: ModeNetlink})
		exits := map[uint32]int{}
		for i := range 20 {
			cmd := exec.Command(program, []string{"stays", "ends"}[i%2], "no wait")
			_ = cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != 7 {
				t.Fatalf("the program ended with %d", code)
			}
			exits[uint32(cmd.Process.Pid)] = 0
		}
		marker := command(t, "/bin/sleep", "1000")
		marked, missing := false, len(exits)
		r.await("all ends", func(p *event.Process) bool {
			marked = marked || p.PID == uint32(marker.Process.Pid)
			if n, ours := exits[p.PID]; ours && p.Operation == event.OpExit {
				if exits[p.PID]++; n == 0 {
					missing--
				}
				if p.Body.Code != 7 {
					t.Errorf("the exit code is %d", p.Body.Code)
				}
			}
			return marked && missing == 0
		})
		for pid, n := range exits {
			if n != 1 {
				t.Errorf("%d has %d exits", pid, n)
			}
		}
	})
}

// build compiles a program in C.
func build(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "program.c")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	if out, err := exec.Command("cc", "-pthread", "-o", program, path).CombinedOutput(); errors.Is(err, exec.ErrNotFound) {
		t.Skip("there is no compiler for C")
	} else if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}
