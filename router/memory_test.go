package router_test

import (
	"fmt"
	"runtime"
	"testing"
	"weak"

	"github.com/daemoneye/eventbus/router"
)

// What is cached for a topic that nobody uses again must not keep the subscriptions
// that it once reached.
func TestASubscriptionThatHasEndedIsForgotten(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	far, on := attach(t, b, 0)
	var gone []weak.Pointer[router.Sub]
	for i := range 20 {
		on(func() {
			far.room = 1 << 20
			s, _, err := far.port.Subscribe(1, router.Subscription{Patterns: []string{"#"}})
			if err != nil {
				t.Error(err)
			}
			gone = append(gone, weak.Make(s))
		})
		topic := fmt.Sprint("once.", i)
		publish(t, c, topic, "x")
		if _, err := c.Request(within(t), topic, nil); err == nil {
			t.Error("somebody answers")
		}
		flush(t, c)
		on(func() { far.port.Unsubscribe(1) })
	}
	on(b.Tick)
	runtime.GC()
	kept := 0
	for _, w := range gone {
		if w.Value() != nil {
			kept++
		}
	}
	if kept > 1 { // the far end remembers the last one
		t.Errorf("%d of %d subscriptions are kept", kept, len(gone))
	}
}
