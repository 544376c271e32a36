package outbox

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// timer wakes one goroutine, to some µs. Go's own timers are as coarse as epoll_wait's
// timeout, a millisecond, where nothing else goes on. To sleep in a system call is
// precise, but looks to Go's scheduler like a call that takes long: its monitor takes
// the processor away, has another thread look for work, and for a while comes back
// every 20 µs, all of which costs more than a dense stream's batches. A timerfd is a
// file, whose reader is parked.
type timer struct {
	fd   int
	file *os.File // of fd
}

func newTimer() (*timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	t := &timer{fd, os.NewFile(uintptr(fd), "timer")}
	// A file that Go's poller has not taken would have wait fail at once.
	if err := t.file.SetReadDeadline(time.Time{}); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// set has wait return after d, which must be above 0, and not when it would have
// returned before. Neither set nor stop may be called after close.
func (t *timer) set(d time.Duration) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	if err := unix.TimerfdSettime(t.fd, 0, &spec, nil); err != nil {
		panic("ipc: timerfd_settime: " + err.Error()) // the timer is ours, and the time in range
	}
}

// stop has wait not return before the next set.
func (t *timer) stop() { t.set(0) }

// wait returns when the time is up, or with an error after close.
func (t *timer) wait() error {
	var times [8]byte
	_, err := t.file.Read(times[:])
	return err
}

// close ends the timer, and a wait for it.
func (t *timer) close() { t.file.Close() }
