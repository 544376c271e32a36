package ipc

import (
	"runtime"
	"time"

	"github.com/daemoneye/eventbus/router"
)

// yields has a goroutine that waits in system calls yield to Go's scheduler now and
// then. To one that has not for ten milliseconds the scheduler's monitor takes the
// processor away as soon as a call lasts 20 µs, as from one that computes all the
// time (retake in runtime/proc.go). The call's end then looks for a processor, and
// wakes the monitor to do it again: two wake-ups for each message, where its own is
// one. The yield itself costs some 20 µs, in which a locked thread hands its
// processor over and gets it back.
type yields struct {
	at int64 // the last time
}

// yieldEvery is half of what the monitor grants.
const yieldEvery = 5 * time.Millisecond

// wait is called before each call that may block.
func (y *yields) wait() {
	if now := router.Now(); now-y.at >= int64(yieldEvery) {
		y.at = now
		runtime.Gosched()
	}
}
