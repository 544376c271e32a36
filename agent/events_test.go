package agent_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestASleepIsSeenFromStartToEnd is the way of an event through all parts: the
// kernel, a collector's process, its socket, the broker, another socket, a
// subscriber.
func TestASleepIsSeenFromStartToEnd(t *testing.T) {
	for _, config := range []control.ChildConfig{
		{Collector: process.Name, Mode: "netlink"},
		{Collector: process.Name, Mode: "poll", Interval: 20 * time.Millisecond},
	} {
		t.Run(config.Mode, func(t *testing.T) {
			if _, err := newCollector(config, ""); err != nil {
				t.Skip(err)
			}
			r := start(t, agent.Options{Collectors: []control.ChildConfig{config}})
			sub := subscribe(t, r.dial(ipc.ClientOptions{}), router.Subscription{Patterns: []string{"events.process.#"}, ReplayFrom: 1})
			var got event.Process
			seen := func(op event.Operation, pid int) {
				t.Helper()
				await(t, sub, op.String(), func(m *router.Message) bool {
					if m.Gap != nil {
						t.Error(m.Gap)
						return false
					}
					v, err := event.Parse(m.Payload)
					if err != nil {
						t.Fatal(err)
					}
					p, ok := event.Copy[event.Exit](v)
					if !ok || p.Operation != op || p.PID != uint32(pid) {
						return false
					}
					got = p
					return true
				})
			}
			seen(event.OpSnapshot, os.Getpid()) // from now on nothing is missed

			sleep := exec.Command("/bin/sleep", "1000")
			if err := sleep.Start(); err != nil {
				t.Fatal(err)
			}
			seen(event.OpStart, sleep.Process.Pid)
			checkSleep(t, got)
			if err := sleep.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = sleep.Wait()
			seen(event.OpExit, sleep.Process.Pid)
			checkSleep(t, got)
		})
	}
}

func checkSleep(t *testing.T, got event.Process) {
	t.Helper()
	executable, err := filepath.EvalSymlinks("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	type facts struct {
		PPID                          uint32
		UID                           event.Number
		Name, CommandLine, Executable string
	}
	want := facts{uint32(os.Getpid()), event.Known(uint64(os.Geteuid())), "sleep", "/bin/sleep\x001000\x00", executable}
	if diff := cmp.Diff(want, facts{got.PPID, got.UID, got.Name, got.CommandLine, got.Executable}); diff != "" {
		t.Errorf("%v (-want +got):\n%s", got.Operation, diff)
	}
}
