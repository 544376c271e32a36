package manager_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/manager"
)

// TestAManagerThatIsStuckDoesNotMove, and moves again when it is not stuck any more.
func TestAManagerThatIsStuckDoesNotMove(t *testing.T) {
	r := run(t, manager.Options{})
	move := func(within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		return r.m.Move(ctx)
	}
	if err := move(20 * time.Second); err != nil {
		t.Errorf("it runs: %v", err)
	}
	let := r.m.Hold()
	for range 2 { // the first one may be taken, and the second one not
		if err := move(10 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it is stuck: %v", err)
		}
	}
	let()
	if err := move(20 * time.Second); err != nil {
		t.Errorf("it runs again: %v", err)
	}
}

func TestAManagerThatDoesNotRunDoesNotMove(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := manager.New(manager.Options{}).Move(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Move = %v", err)
	}
}
