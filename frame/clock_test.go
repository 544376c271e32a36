package frame_test

import (
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
