package progress_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/progress"
)

func health(p *progress.Watcher, part string) control.Health { return p.Component(part).Check(nil) }

// TestTheWatchdogIsFedByProgress: as long as each part moves. One that is stuck shows in
// its health, too, and that it moves again ends both.
func TestTheWatchdogIsFedByProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan chan struct{}, 1)
		var fed atomic.Int64
		p := progress.New(20*time.Second, func() error { fed.Add(1); return nil }, func(error) {})
		p.Watch("broker", func(context.Context) error { return nil })
		p.Watch("manager", func(ctx context.Context) error {
			select {
			case until := <-stuck:
				<-until
			default:
			}
			return ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { p.Run(ctx); close(ended) }()
		look := func(d time.Duration) (int64, control.State) {
			before := fed.Load()
			time.Sleep(d)
			synctest.Wait()
			return fed.Load() - before, health(p, "manager").State
		}
		if n, state := look(time.Minute); n < 12 || state != control.Healthy {
			t.Errorf("fed %d times in a minute with 20 s, manager %v", n, state)
		}
		until := make(chan struct{})
		stuck <- until
		look(20 * time.Second) // the last feed is at most 10 s after the last move
		if n, state := look(time.Minute); n != 0 || state != control.Unhealthy {
			t.Errorf("stuck: fed %d times, manager %v", n, state)
		}
		if h := health(p, "manager"); h.Reason != "it has not moved for 1m20s" && h.Reason != "it has not moved for 1m25s" {
			t.Errorf("manager %+v", h)
		}
		if h := health(p, "broker"); h.State != control.Healthy {
			t.Errorf("broker %+v", h)
		}
		close(until)
		look(5 * time.Second)
		if n, state := look(time.Minute); n < 12 || state != control.Healthy {
			t.Errorf("again: fed %d times, manager %v", n, state)
		}
		cancel()
		<-ended
	})
}
