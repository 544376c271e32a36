package frame

import (
	"encoding/binary"
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

// ClockOffset returns how far the broker's clock is ahead of the client's, which
// is not 0 where the two are in different time namespaces. The client read its
// clock when it wrote hello (sent) and when it had read welcome (received); between
// the two the broker read its own (Welcome.ClockNs). An offset of at most the round
// trip counts as none, because equal clocks may look like that. So does a broker
// reading of 0: such a broker does not report it.
//
// A client adds the offset to the times that it writes and takes it off those that
// it reads.
func ClockOffset(sent, received, broker int64) int64 {
	if broker == 0 {
		return 0
	}
	trip := max(received-sent, 0)
	offset := broker - (sent + trip/2)
	if -trip <= offset && offset <= trip {
		return 0
	}
	return offset
}

// ShiftTimes adds an offset to all times of the frame, in place: its own, and the
// deadline of a request. What would lie beyond the range of a time becomes its bound.
func (f Frame) ShiftTimes(ns int64) {
	shift(f[offTime:], ns)
	if deadline, ok := f.Extension().Lookup(TagDeadline); ok && len(deadline) == 8 {
		shift(deadline, ns)
	}
}

// ShiftAllTimes adds an offset to the times of all whole frames of b, but for pings and
// their answers, whose time goes back as it came.
func ShiftAllTimes(b []byte, ns int64) {
	if ns == 0 {
		return
	}
	for {
		f, err := Next(b, MaxSize)
		if f == nil {
			return
		}
		if t := f.Type(); err == nil && t != TypePing && t != TypePong {
			f.ShiftTimes(ns)
		}
		b = b[len(f):]
	}
}

func shift(b []byte, ns int64) {
	t := int64(binary.LittleEndian.Uint64(b))
	switch sum := t + ns; {
	case t > 0 && ns > 0 && sum < 0:
		t = math.MaxInt64
	case t < 0 && ns < 0 && sum >= 0:
		t = math.MinInt64
	default:
		t = sum
	}
	binary.LittleEndian.PutUint64(b, uint64(t))
}
