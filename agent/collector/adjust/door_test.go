package adjust_test

import (
	"context"
	"errors"
	"testing"

	"github.com/daemoneye/eventbus/agent/collector/adjust"
)

var errRefused = errors.New("refused")

// TestADoor lets calls act on what its owner has, one at a time, and returns their errors.
func TestADoor(t *testing.T) {
	d := adjust.NewDoor[*int]()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() {
		n := 0 // of this goroutine alone: the race detector looks at that
		for {
			select {
			case call := <-d.Calls():
				call(&n)
			case <-ctx.Done():
				ended <- n
				return
			}
		}
	}()
	for i := range 10 {
		want := error(nil)
		if i == 5 {
			want = errRefused
		}
		if err := d.Through(t.Context(), func(n *int) error { *n++; return want }); err != want {
			t.Errorf("call %d: %v, want %v", i, err, want)
		}
	}
	stop()
	if n := <-ended; n != 10 {
		t.Errorf("the owner has %d, want 10", n)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	err := d.Through(gone, func(*int) error { t.Error("called though nobody is there"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("nobody is there: %v", err)
	}
}
