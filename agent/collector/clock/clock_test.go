package clock_test

import (
	"os"
	"testing"

	"github.com/prometheus/procfs"

	"github.com/daemoneye/eventbus/agent/collector/clock"
)

func TestTheStartOfAProcess(t *testing.T) {
	m := clock.Moment{WallNs: 1_000_000_000_000, BootNs: 500_000_000_000}
	for ticks, want := range map[uint64]int64{0: 0, 1: 500_010_000_000, 100: 501_000_000_000} {
		if got := m.Started(ticks); got != want {
			t.Errorf("start after %d ticks is %d, want %d", ticks, got, want)
		}
	}
}

// TestTicksAreTheKernels: a process began before now, and after the boot.
func TestTicksAreTheKernels(t *testing.T) {
	p, err := procfs.NewProc(os.Getpid())
	if err != nil {
		t.Skip("no procfs:", err)
	}
	s, err := p.Stat()
	if err != nil {
		t.Fatal(err)
	}
	var c clock.Clock
	c.Adjust()
	now := c.Now()
	if began := c.Ticks(now.MonoNs); s.Starttime > began {
		t.Errorf("this process began at tick %d, and now is tick %d", s.Starttime, began)
	}
	if s := now.Started(s.Starttime); s > now.WallNs || s < now.WallNs-now.BootNs {
		t.Errorf("this process began at %d, now is %d and the boot was at %d", s, now.WallNs, now.WallNs-now.BootNs)
	}
}

// TestATimeStampSettles when no later change can have the same one.
func TestATimeStampSettles(t *testing.T) {
	for _, tt := range []struct {
		changed, seen int64
		want          bool
	}{
		{1_000_000_001, 1_000_000_001, false},
		{1_000_000_001, 1_020_000_001, false},
		{1_000_000_001, 1_020_000_002, true},
		{1_000_000_000, 2_900_000_000, false}, // perhaps a filesystem with whole seconds
		{1_000_000_000, 3_000_000_001, true},
		{5_000_000_001, 1_000_000_001, false}, // the clock was set back since
	} {
		if got := clock.Settled(tt.changed, tt.seen); got != tt.want {
			t.Errorf("changed at %d, seen at %d: settled is %v", tt.changed, tt.seen, got)
		}
	}
}

// TestAClockThatIsSetMovesNothing but the wall time: what was measured on the monotonic
// clock, and the ticks of a process, stay as they were.
func TestAClockThatIsSetMovesNothing(t *testing.T) {
	var c clock.Clock
	c.Adjust()
	before, ticks := c.At(1_000_000_000), c.Ticks(1_000_000_000)
	for _, by := range []int64{3600e9, -3600e9} {
		c.Set(by)
		after := c.At(1_000_000_000)
		if after.MonoNs != before.MonoNs || after.BootNs != before.BootNs || after.WallNs != before.WallNs+by || c.Ticks(1_000_000_000) != ticks {
			t.Errorf("set by %d: %+v, before %+v", by, after, before)
		}
		if after.Started(500)-before.Started(500) != by {
			t.Errorf("set by %d: a start moved by %d", by, after.Started(500)-before.Started(500))
		}
		c.Set(-by)
	}
}
