package process

import (
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/storytest"
	"github.com/daemoneye/eventbus/agent/event"
)

// TestATimeNamespace: clocks there show other times than the kernel's records.
func TestATimeNamespace(t *testing.T) {
	skipUnlessRoot(t)
	skipUnlessPermitted(t, Options{Mode: ModeEBPF})
	if !storytest.Again(t, "unshare", "--time", "--fork", "--monotonic", "12345", "--boottime", "67890") {
		return
	}
	ahead, err := clock.ReadAhead("/proc")
	if err != nil || ahead.MonoNs != 12345e9 || ahead.BootNs != 67890e9 {
		t.Fatalf("clocks are ahead by %+v, %v", ahead, err)
	}
	for _, mode := range []Mode{ModeEBPF, ModeNetlink} {
		t.Run(string(mode), func(t *testing.T) {
			r := run(t, Options{Mode: mode})
			before := clock.Mono()
			cmd := command(t, "/bin/sleep", "1000")
			start := r.awaitOf(cmd.Process.Pid, event.OpStart)
			if after := clock.Mono(); start.MonoNs < before || start.MonoNs > after {
				t.Errorf("it started at %d, want %d to %d", start.MonoNs, before, after)
			}
			reader, err := proc.NewReader("/proc")
			if err != nil {
				t.Fatal(err)
			}
			if s, ok, err := reader.Stat(uint32(cmd.Process.Pid)); err != nil || !ok || s.StartTicks != start.StartTicks {
				t.Errorf("start ticks are %d, /proc has %d", start.StartTicks, s.StartTicks)
			}
			checkSleep(t, start)
		})
	}
}

// TestOutsideOfTheFirstPidNamespace the kernel's pids name other processes than /proc does.
func TestOutsideOfTheFirstPidNamespace(t *testing.T) {
	skipUnlessRoot(t)
	if !storytest.Inside(t) {
		skipUnlessPermitted(t, Options{Mode: ModeEBPF})
	}
	if !storytest.Again(t, "unshare", "--pid", "--fork", "--mount-proc") {
		return
	}
	c, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Describe(), "ebpf: outside of the first pid namespace"; !strings.Contains(got, want) {
		t.Errorf("it is described as %q, want %q", got, want)
	}
}
