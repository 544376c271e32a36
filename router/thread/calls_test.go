package thread_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/thread"
)

func TestACallIsRepeatedUntilItIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		woken := 0
		c := thread.NewCalls(func() { woken++ })
		ran, done := 0, make(chan error, 1)
		go func() { done <- c.DoUntil(context.Background(), nil, func() bool { ran++; return ran == 3 }) }()
		synctest.Wait()
		for turn := range 3 {
			if !c.Run() || ran != turn+1 {
				t.Fatalf("turn %d: the call ran %d times", turn, ran)
			}
		}
		if err := <-done; err != nil || woken != 1 || c.Run() {
			t.Errorf("%v, woken %d times, %d calls are left", err, woken, c.Len())
		}
	})
}

// Each way in which a wait ends early leaves the call to run later.
func TestTheEndOfAWait(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	closed := make(chan struct{})
	close(closed)
	for name, tc := range map[string]struct {
		wait func(c *thread.Calls, f func()) error
		want error
	}{
		"its context":  {func(c *thread.Calls, f func()) error { return c.Do(ended, nil, f) }, context.Canceled},
		"its client":   {func(c *thread.Calls, f func()) error { return c.Do(context.Background(), closed, f) }, bus.ErrClosed},
		"its patience": {func(c *thread.Calls, f func()) error { return c.DoWithin(0, func() bool { f(); return true }) }, context.DeadlineExceeded},
	} {
		c := thread.NewCalls(func() {})
		ran := false
		if err := tc.wait(c, func() { ran = true }); !errors.Is(err, tc.want) || ran {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if c.Run(); !ran {
			t.Errorf("%s: the call does not run later", name)
		}
	}
}

func TestAStoppedThreadEndsAllWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := thread.NewCalls(func() {})
		errs := make(chan error, 2)
		go func() { errs <- c.Do(context.Background(), nil, func() {}) }()
		synctest.Wait()
		left := c.Close()
		if len(left) != 1 || c.Post(func() {}) {
			t.Errorf("%d calls are left at the end, and one is taken after it: want 1 and none", len(left))
		}
		left[0]()
		go func() { errs <- c.Do(context.Background(), nil, func() {}) }() // comes too late
		time.Sleep(time.Second)                                            // on the test's own clock
		c.Stop()
		var closed int
		for range 2 {
			if err := <-errs; errors.Is(err, bus.ErrClosed) {
				closed++
			} else if err != nil {
				t.Error(err)
			}
		}
		if closed != 1 {
			t.Errorf("%d calls end with ErrClosed, want the second", closed)
		}
	})
}

func TestWorkBeyondATurnIsTakenOffTheNext(t *testing.T) {
	var w thread.Work
	w.Begin()
	w.Add(thread.TurnWork - 1)
	if w.Spent() {
		t.Error("spent before the turn's work is done")
	}
	w.Add(2 * thread.TurnWork)
	for turn, want := range []bool{false, true} {
		if got := w.Begin(); got != want || w.Spent() == want {
			t.Errorf("turn %d begins: %v, want %v", turn, got, want)
		}
	}
}
