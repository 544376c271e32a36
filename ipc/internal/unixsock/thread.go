package unixsock

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
)

// Yields has a goroutine that waits in system calls yield to Go's scheduler now and
// then. To one that has not for ten milliseconds the scheduler's monitor takes the
// processor away as soon as a call lasts 20 µs, as from one that computes all the
// time (retake in runtime/proc.go). The call's end then looks for a processor, and
// wakes the monitor to do it again: two wake-ups for each message, where its own is
// one. The yield itself costs some 20 µs, in which a locked thread hands its
// processor over and gets it back.
type Yields struct {
	at int64 // the last time
}

// yieldEvery is half of what the monitor grants.
const yieldEvery = 5 * time.Millisecond

// Wait is called before each call that may block.
func (y *Yields) Wait() {
	if now := frame.Now(); now-y.at >= int64(yieldEvery) {
		y.at = now
		runtime.Gosched()
	}
}

// LockThread gives the calling goroutine a thread to itself.
func LockThread() (unlock func()) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}

// Nap sleeps for a time that is too short for Go's timers, which in an idle
// process are as coarse as epoll_wait's timeout: a millisecond. A signal may end
// it early, which does no harm to those who nap.
func Nap(d time.Duration) {
	if d <= 0 {
		return
	}
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil)
}
