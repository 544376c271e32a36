package process

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/daemoneye/eventbus/agent/event"
)

// TestAProcessThatOutlivesItsFirstThread is seen until its last one ends, also
// when it was in that state before the collector looked.
func TestAProcessThatOutlivesItsFirstThread(t *testing.T) {
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
			// What comes later shows that nothing came of the first thread's end.
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
