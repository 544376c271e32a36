package load

import (
	"context"
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// base ties Go's monotonic clock, which has no readable origin, to CLOCK_MONOTONIC. Both are the same clock of the kernel, so
// one pair of readings is good for the life of the process, and Now costs no system call.
var base = newClockBase()

type clockBase struct {
	wall time.Time // carries Go's monotonic reading
	mono int64     // CLOCK_MONOTONIC at that moment
}

// newClockBase keeps the pair of readings that lay closest together: a thread that loses its core between the two would
// shift every latency that this process measures.
func newClockBase() clockBase {
	var best clockBase
	closest := time.Duration(1<<63 - 1)
	for range 16 {
		before := time.Now()
		mono := monotonic()
		if took := time.Since(before); took < closest {
			closest = took
			best = clockBase{wall: before.Add(took / 2), mono: mono}
		}
	}
	return best
}

func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("load: CLOCK_MONOTONIC: " + err.Error()) // the kernel has it since 2.6
	}
	return ts.Nano()
}

// Now returns CLOCK_MONOTONIC in nanoseconds. Two processes of one host may compare it, within about 100 ns.
func Now() int64 { return base.mono + int64(time.Since(base.wall)) }

// nap bounds one sleep, so that a sleeper sees the end of its context.
const nap = 50 * time.Millisecond

// SleepUntil sleeps until CLOCK_MONOTONIC shows ns, or ctx ends. It sleeps in the kernel: the timers of the Go runtime are rounded
// to a millisecond when nothing else runs.
func SleepUntil(ctx context.Context, ns int64) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		now := Now()
		if now >= ns {
			return nil
		}
		ts := unix.NsecToTimespec(min(ns, now+int64(nap)))
		err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// sharpTimers binds the caller to its thread and asks the kernel to wake that thread when it is due, and not up to 50 µs
// later, as it may by default. The returned function undoes both.
func sharpTimers() (undo func()) {
	runtime.LockOSThread()
	// Where this is refused the generator is only later, and says so in its lateness.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	return func() {
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)
		runtime.UnlockOSThread()
	}
}
