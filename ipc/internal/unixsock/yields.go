package unixsock

import (
	"runtime"
	"time"

	"github.com/daemoneye/eventbus/frame"
)

// Yields has a goroutine that waits in system calls yield to Go's scheduler now and
// then. From a goroutine that has not yielded for ten milliseconds, as from one that
// computes all the time, the scheduler's monitor takes the processor away as soon as a
// call lasts 20 µs (retake in runtime/proc.go). The call's end then looks for a
// processor, and wakes the monitor to do it again: two wake-ups for each message, where
// one would do. The yield itself costs some 20 µs, in which a locked thread hands its
// processor over and gets it back.
type Yields struct {
	at int64 // when it last yielded
}

// yieldEvery is half of the time that the monitor grants.
const yieldEvery = 5 * time.Millisecond

// Wait is called before each call that may block.
func (y *Yields) Wait() {
	if now := frame.Now(); now-y.at >= int64(yieldEvery) {
		y.at = now
		runtime.Gosched()
	}
}
