package load

import (
	"context"
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
)

// Now returns CLOCK_MONOTONIC in nanoseconds, which two processes of one host may
// compare: the clock of the frames, in which the broker gives its own times too.
func Now() int64 { return frame.Now() }

// nap bounds one sleep, so that a sleeper sees the end of its context.
const nap = 50 * time.Millisecond

// SleepUntil sleeps until CLOCK_MONOTONIC shows ns, or ctx ends. It sleeps in the
// kernel: the timers of the Go runtime are rounded to a millisecond when nothing
// else runs.
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

// sharpTimers binds the caller to its thread and asks the kernel to wake that thread
// when it is due, and not up to 50 µs later, as it may by default. The returned
// function undoes both.
func sharpTimers() (undo func()) {
	runtime.LockOSThread()
	// Where this is refused the generator is only later, and its lateness shows that.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	return func() {
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)
		runtime.UnlockOSThread()
	}
}
