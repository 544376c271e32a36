package adjust_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector/adjust"
)

const second = time.Second

// TestAPaceKeepsItsTime notes when ticks come, in seconds, while the interval changes and while
// the owner is slow.
func TestAPaceKeepsItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		p := adjust.NewPace(10 * second)
		defer p.Stop()
		var got []float64
		wait := func(until time.Duration, slow time.Duration) {
			end := time.NewTimer(until - time.Since(began))
			defer end.Stop()
			for {
				select {
				case <-p.C():
					got = append(got, time.Since(began).Seconds())
					time.Sleep(slow) // in the time of the test
					p.Next()
				case <-end.C:
					return
				}
			}
		}
		wait(21*second, 0) // 10, 20
		for range 100 {
			p.Set(5 * second)
			p.Set(10 * second)
		}
		wait(31*second, 0)                      // 30, though it was set so often
		p.Set(2 * second)                       // the next one is due at 32
		wait(35*second, 0)                      // 32, 34
		p.Set(20 * second)                      // and not 36, but 54
		wait(55*second, 0)                      // 54
		p.Set(second / 2)                       // which has passed
		wait(55*second+900*time.Millisecond, 0) // 55, 55.5
		p.Set(10 * second)
		wait(80*second, 25*second) // 65.5, and the owner is back at 90.5
		wait(101*second, 0)        // 100.5, and not 75.5 and 85.5
		want := []float64{10, 20, 30, 32, 34, 54, 55, 55.5, 65.5, 100.5}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ticks (-want +got):\n%s", diff)
		}
	})
}
