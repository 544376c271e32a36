package frame_test

import (
	"math"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
)

func TestNowIsTheClockOfAllProcesses(t *testing.T) {
	kernel := func() int64 {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			t.Fatal(err)
		}
		return ts.Nano()
	}
	// Now may be off by what the two readings at the start were apart.
	const slack = 100_000
	for range 1000 {
		before, now, after := kernel(), frame.Now(), kernel()
		if now < before-slack || now > after+slack {
			t.Fatalf("Now is %d, want between %d and %d", now, before, after)
		}
	}
}

func TestClockOffset(t *testing.T) {
	const s = int64(1e9)
	for name, c := range map[string]struct{ sent, received, broker, want int64 }{
		"the same clock, read in the middle":   {5 * s, 7 * s, 6 * s, 0},
		"the same clock, read at once":         {5 * s, 7 * s, 5 * s, 0},
		"the same clock, read last":            {5 * s, 7 * s, 7 * s, 0},
		"an offset of the round trip":          {5 * s, 7 * s, 8 * s, 0},
		"an offset above the round trip":       {5 * s, 7 * s, 8*s + 1, 2*s + 1},
		"an offset below minus the round trip": {5 * s, 7 * s, 4*s - 1, -2*s - 1},
		"a namespace that is a day ahead":      {100 * s, 100*s + 1000, 86500*s + 500, 86400 * s},
		"a namespace that is behind":           {86500 * s, 86500*s + 1000, 100*s + 500, -86400 * s},
		"no round trip at all":                 {5, 5, 6, 1},
		"a broker that does not say":           {5 * s, 7 * s, 0, 0},
		"a client whose clock went back":       {7 * s, 5 * s, 7 * s, 0},
		"the largest clock":                    {0, 2, math.MaxInt64, math.MaxInt64 - 1},
	} {
		if got := frame.ClockOffset(c.sent, c.received, c.broker); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
