package unixsock

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// LockThread gives the calling goroutine a thread to itself.
func LockThread() (unlock func()) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}

// Nap sleeps for a time that is too short for Go's timers, which in an idle
// process are as coarse as epoll_wait's timeout: a millisecond. A signal may end
// it early, which does no harm to its callers.
func Nap(d time.Duration) {
	if d <= 0 {
		return
	}
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil)
}
