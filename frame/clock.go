package frame

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// clock ties Go's monotonic reading, which has no epoch of its own, to
// CLOCK_MONOTONIC, which every process of the machine shares.
var clock = newClock()

type monotonic struct {
	at time.Time // when
	ns int64     // CLOCK_MONOTONIC then
}

// newClock reads CLOCK_MONOTONIC between two readings of Go's, and keeps the
// closest of a few tries, so that a preempted one does not count.
func newClock() (m monotonic) {
	best := time.Duration(math.MaxInt64)
	for range 8 {
		var ts unix.Timespec
		before := time.Now()
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			return m
		}
		if took := time.Since(before); took < best {
			best, m = took, monotonic{at: before.Add(took / 2), ns: ts.Nano()}
		}
	}
	return m
}

// Now returns CLOCK_MONOTONIC in nanoseconds, the time of frames and
// deadlines: comparable across the processes of one machine since its boot,
// and nowhere else. It reads the clock without a system call.
func Now() int64 { return clock.ns + int64(time.Since(clock.at)) }
