// Package clock relates the clocks of the kernel to one another, because the kernel
// gives some times on one of them and events have two.
package clock

import (
	"golang.org/x/sys/unix"
)

// Moment is one point in time on three clocks.
type Moment struct {
	MonoNs int64 // CLOCK_MONOTONIC
	WallNs int64 // since 1970, UTC
	BootNs int64 // since boot: CLOCK_BOOTTIME
}

// Started returns the wall time of the start of a process, 0 when its ticks are not
// known. It is as exact as they are.
func (m Moment) Started(ticks uint64) int64 {
	if ticks == 0 {
		return 0
	}
	ns := m.WallNs - m.BootNs + int64(ticks*TickNs)
	return (ns + TickNs/2) / TickNs * TickNs
}

// Clock knows how far the clocks lie apart. The distances change when somebody sets
// the time, and when the machine sleeps: Adjust takes them anew. The zero Clock knows
// nothing until then.
//
// One goroutine at a time.
type Clock struct {
	wallOffsetNs int64 // wall time less monotonic time
	bootOffsetNs int64 // time since boot less monotonic time
}

// Adjust takes the distances anew.
func (c *Clock) Adjust() {
	mono := read(unix.CLOCK_MONOTONIC)
	c.wallOffsetNs = read(unix.CLOCK_REALTIME) - mono
	c.bootOffsetNs = read(unix.CLOCK_BOOTTIME) - mono
}

func read(id int32) int64 {
	var t unix.Timespec
	// The clocks exist on every kernel that Go runs on.
	_ = unix.ClockGettime(id, &t)
	return t.Nano()
}

// Mono returns the time of CLOCK_MONOTONIC in nanoseconds.
func Mono() int64 { return read(unix.CLOCK_MONOTONIC) }

// At returns the moment of a monotonic time.
func (c *Clock) At(monoNs int64) Moment {
	return Moment{MonoNs: monoNs, WallNs: monoNs + c.wallOffsetNs, BootNs: monoNs + c.bootOffsetNs}
}

// Now returns the moment of the call.
func (c *Clock) Now() Moment { return c.At(Mono()) }

// coarse is how far the time stamp of a file may lie behind the clock: the kernel takes it
// from its last tick, of which a second has 100 at least.
const coarse = 2 * TickNs

// Settled reports whether a file that had its last change (ctime) at changedNs when we
// looked at seenNs, both wall time, has had all changes of that time stamp. Until then a
// further change may leave the same one, and so "the same time" does not mean "no
// change". A filesystem that keeps whole seconds is given two of them.
func Settled(changedNs, seenNs int64) bool {
	if changedNs%1e9 == 0 {
		return seenNs-changedNs > 2e9
	}
	return seenNs-changedNs > coarse
}

// TickNs is the length of a clock tick of procfs: USER_HZ is 100 on every
// architecture that Go runs on.
const TickNs = 1e9 / 100

// Ticks returns what /proc/PID/stat gives as the start of a process that was
// forked then.
func (c *Clock) Ticks(monoNs int64) uint64 { return uint64((monoNs + c.bootOffsetNs) / TickNs) }
