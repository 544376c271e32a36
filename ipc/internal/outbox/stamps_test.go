package outbox

import (
	"testing"

	"github.com/daemoneye/eventbus/frame"
)

// TestStampsExpire holds that a reading of the clock is not used again after the timer
// fired, or the connection was lost.
func TestStampsExpire(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*Outbox){
		"the timer fires": func(o *Outbox) {
			done := make(chan struct{})
			go func() { o.Run(); close(done) }() // ends with the outbox
			await(t, "the timer fires", func() bool {
				o.mu.Lock()
				defer o.mu.Unlock()
				return !o.pacing.armed
			})
			o.pacing.timer.close()
			<-done
		},
		"the connection is lost": func(o *Outbox) { o.Disconnect() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, _ := newOutbox(t, frame.DefaultMaxSize)
			o.pacing.tokens = -1 // the stream is dense
			o.arm(frame.Now(), minWait)
			for o.stamps.left == 0 { // until readings are shared
				o.stamp()
			}
			end(o)
			now := frame.Now()
			if got := o.stamp(); got < now {
				t.Errorf("the message is %d ns older than it is", now-got)
			}
		})
	}
	t.Run("a budget that is long", func(t *testing.T) {
		t.Parallel()
		o, _ := newOutbox(t, frame.DefaultMaxSize)
		o.pacing.tokens, o.pacing.budget = -1, 2*maxWait
		for range 10000 {
			if o.stamp(); o.stamps.left > 0 {
				t.Fatal("readings are shared although the timer does not fire for long")
			}
		}
	})
	t.Run("a batch begins", func(t *testing.T) {
		t.Parallel()
		o, _ := newOutbox(t, frame.DefaultMaxSize)
		o.pacing.tokens = -1
		for o.stamps.left == 0 { // of messages that came during a write
			o.stamp()
		}
		now := frame.Now()
		o.arm(now, minWait)
		if got := o.stamp(); got < now {
			t.Errorf("the message is %d ns older than it is", now-got)
		}
	})
	t.Run("the timer is not set", func(t *testing.T) {
		t.Parallel()
		o, _ := newOutbox(t, frame.DefaultMaxSize)
		o.pacing.tokens, o.pacing.armed = -1, false
		for last := int64(0); o.stamps.share == 0; {
			now := o.stamp()
			if now == last {
				t.Fatal("a reading is shared")
			}
			last = now
		}
	})
}
