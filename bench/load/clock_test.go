package load_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/bench/load"
)

// A reading lies between two readings of the kernel's clock, but for the error of
// the first pair, which is far below a microsecond unless the process lost its core
// in all of its attempts.
func TestNowIsTheKernelsMonotonicClock(t *testing.T) {
	const tolerance = int64(time.Millisecond)
	var before, after unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &before); err != nil {
		t.Fatal(err)
	}
	now := load.Now()
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &after); err != nil {
		t.Fatal(err)
	}
	if now < before.Nano()-tolerance || now > after.Nano()+tolerance {
		t.Errorf("%d is not between %d and %d", now, before.Nano(), after.Nano())
	}
}

func TestSleepUntilNeverReturnsEarly(t *testing.T) {
	before := load.Now()
	if err := load.SleepUntil(t.Context(), before+int64(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if slept := load.Now() - before; slept < int64(time.Millisecond) {
		t.Errorf("slept %d ns, which is too short", slept)
	}
}
