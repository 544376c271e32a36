package output_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
)

// stuck has calls of r not return, whatever their context, before release is called.
func stuck(r *receiver) (release func()) {
	back := make(chan struct{})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hold = func(_ context.Context, items []output.Item) (int, error) {
		<-back
		return len(items), nil
	}
	return func() { close(back) }
}

// TestASinkThatDoesNotReturnDelaysNoStop, such as one that syncs a file of a dead mount.
func TestASinkThatDoesNotReturnDelaysNoStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := fresh("a"), newReceiver()
		release := stuck(r)
		m, stop := start(t, j, nil, spec("a", r))
		j.Raise(1, alert.Low)
		synctest.Wait() // Send is called
		began := time.Now()
		if err := m.Apply(nil); err != nil { // removed by a reload
			t.Fatal(err)
		}
		stop()
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("the stop took %v", d)
		}
		release()
		synctest.Wait()
	})
}

// TestWhatAStuckSinkHadIsSentAgain, in order, when the sink returns; until then its status
// has the reason.
func TestWhatAStuckSinkHadIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := fresh("a"), newReceiver()
		release := stuck(r)
		m, _ := start(t, j, nil, spec("a", r))
		want := j.Raise(3, alert.Low)
		time.Sleep(10 * time.Minute) // of the clock of the test
		if h := status(t, m, "a").Health; !strings.Contains(h.Reason, output.ErrStuck.Error()) {
			t.Errorf("%+v", h)
		}
		if n := r.attempts(); n != 0 {
			t.Errorf("%d calls have returned", n)
		}
		r.mu.Lock()
		r.hold = nil
		r.mu.Unlock()
		release()
		time.Sleep(10 * time.Minute)
		if diff := cmp.Diff(append(want, want...), r.titles()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
