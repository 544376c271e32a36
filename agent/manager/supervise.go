package manager

import (
	"context"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
)

// supervise runs the collector again and again, until ctx ends or it is given
// up.
func (c *child) supervise(ctx context.Context) {
	// The kernel's death signal follows the thread that started the process, so
	// this one has to last as long.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b := newBudget(c.o)
	for {
		exit, refused := c.runProcess(ctx)
		if ctx.Err() != nil {
			break
		}
		pause, ok := b.spend(c.served(), refused)
		if !ok {
			c.ended(control.CollectorGaveUp, exit)
			c.log.Error("collector given up", "restarts", b.spent, "exit", exit)
			return
		}
		c.restarting(exit, !refused)
		c.log.Warn("collector ended", "exit", exit, "restart_in", pause)
		if !wait(ctx, pause) {
			break
		}
	}
	c.ended(control.CollectorStopped, "")
}

// wait returns true after d, and false when ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// budget is how many restarts a collector has left, and how long it waits for
// the next one.
type budget struct {
	o     *Options
	spent int           // restarts in a row
	pause time.Duration // before the next one, at most
}

func newBudget(o *Options) *budget { return &budget{o: o, pause: o.FirstBackoff} }

// spend takes one restart of a collector that was registered for served, and
// returns the pause before it; false when there is none left. The start of one that
// was refused takes no restart, because the collector did nothing wrong.
func (b *budget) spend(served time.Duration, refused bool) (pause time.Duration, ok bool) {
	if served >= b.o.StableAfter {
		b.spent, b.pause = 0, b.o.FirstBackoff
	}
	if !refused {
		if b.spent >= b.o.MaxRestarts {
			return 0, false
		}
		b.spent++
	}
	pause = b.pause/2 + rand.N(b.pause/2+1)
	b.pause = min(2*b.pause, b.o.MaxBackoff)
	return pause, true
}
