package process

import (
	"golang.org/x/sys/unix"
)

// moment is one point in time: on both clocks of an event, and since boot.
type moment struct{ monoNs, wallNs, bootNs int64 }

// started returns the wall time of the start of a process, 0 when its ticks are not
// known. It is as exact as they are.
func (m moment) started(ticks uint64) int64 {
	if ticks == 0 {
		return 0
	}
	ns := m.wallNs - m.bootNs + int64(ticks*tickNs)
	return (ns + tickNs/2) / tickNs * tickNs
}

// clock relates the clocks of the kernel to one another. The relations change
// when somebody sets the time, and when the machine sleeps: adjust takes them
// anew.
//
// One goroutine at a time.
type clock struct {
	wallOffsetNs int64 // wall time less monotonic time
	bootOffsetNs int64 // time since boot less monotonic time
}

func (c *clock) adjust() {
	mono := clockNs(unix.CLOCK_MONOTONIC)
	c.wallOffsetNs = clockNs(unix.CLOCK_REALTIME) - mono
	c.bootOffsetNs = clockNs(unix.CLOCK_BOOTTIME) - mono
}

func clockNs(id int32) int64 {
	var t unix.Timespec
	// The clocks exist on every kernel that Go runs on.
	_ = unix.ClockGettime(id, &t)
	return t.Nano()
}

func monoNs() int64 { return clockNs(unix.CLOCK_MONOTONIC) }

func (c *clock) at(monoNs int64) moment {
	return moment{monoNs: monoNs, wallNs: monoNs + c.wallOffsetNs, bootNs: monoNs + c.bootOffsetNs}
}

func (c *clock) now() moment { return c.at(monoNs()) }

// tickNs is the length of a clock tick of procfs: USER_HZ is 100 on every
// architecture that Go runs on.
const tickNs = 1e9 / 100

// ticks returns what /proc/PID/stat gives as the start of a process that was
// forked then.
func (c *clock) ticks(monoNs int64) uint64 { return uint64((monoNs + c.bootOffsetNs) / tickNs) }
