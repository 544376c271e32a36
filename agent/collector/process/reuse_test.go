package process

import (
	"testing"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/storytest"
	"github.com/daemoneye/eventbus/agent/event"
)

// TestTheKernelUsesAPidAgain: two processes that have the same pid, one right after the other,
// are two, each with its own program, start and end.
func TestTheKernelUsesAPidAgain(t *testing.T) {
	for _, source := range sources {
		t.Run(source.name, func(t *testing.T) {
			r := run(t, source.options)
			first := command(t, "/bin/sleep", "1001")
			pid := first.Process.Pid
			begun := r.awaitOf(pid, event.OpStart)
			_ = first.Process.Kill()
			_ = first.Wait()
			var now clock.Clock // they are told apart by the tick in which they began
			for now.Adjust(); now.Ticks(clock.Mono()) <= begun.StartTicks; {
			}
			second := storytest.WithPID(t, pid, "/bin/sleep", "1002")
			var seen []event.Process
			r.await("the start of the second one", func(p *event.Process) bool {
				if p.PID == uint32(pid) {
					seen = append(seen, *p)
				}
				return len(seen) > 0 && seen[len(seen)-1].CommandLine == "/bin/sleep\x001002\x00"
			})
			_ = second.Process.Kill()
			_ = second.Wait()
			seen = append(seen, r.awaitOf(pid, event.OpExit))
			if len(seen) != 3 || seen[0].Operation != event.OpExit || seen[1].Operation != event.OpStart {
				for _, p := range seen {
					t.Errorf("%v at %d: %q", p.Operation, p.StartTicks, p.CommandLine)
				}
				t.FailNow()
			}
			if seen[0].StartTicks != begun.StartTicks || seen[0].CommandLine != begun.CommandLine {
				t.Errorf("the first one began at %d as %q, and ended as one from %d, %q", begun.StartTicks, begun.CommandLine, seen[0].StartTicks, seen[0].CommandLine)
			}
			if seen[1].StartTicks == begun.StartTicks || seen[2].StartTicks != seen[1].StartTicks || seen[2].CommandLine != seen[1].CommandLine {
				t.Errorf("the second one began at %d as %q, and ended as one from %d, %q", seen[1].StartTicks, seen[1].CommandLine, seen[2].StartTicks, seen[2].CommandLine)
			}
		})
	}
}
