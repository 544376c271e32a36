package broker_test

import (
	"fmt"
	"runtime"
	"testing"
	"weak"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
)

// The cached route of a topic that is not used again must not keep the subscriptions that it
// once reached.
func TestASubscriptionThatHasEndedIsForgotten(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	far, on := attach(t, b, 0)
	var gone []weak.Pointer[broker.Sub]
	for i := range 20 {
		on(func() {
			far.room = 1 << 20
			s, _, err := far.session.Subscribe(1, router.Subscription{Patterns: []string{"#"}})
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
		on(func() { far.session.Unsubscribe(1) })
	}
	on(b.Tick)
	runtime.GC()
	kept := 0
	for _, w := range gone {
		if w.Value() != nil {
			kept++
		}
	}
	if kept > 1 { // the far end keeps the last one
		t.Errorf("%d of %d subscriptions are kept", kept, len(gone))
	}
}

// Subscriptions that come and go between two ticks are not kept until the next one.
func TestAnEmptySubscriptionIsForgottenAtOnce(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	far, on := attach(t, b, 0)
	on(func() {
		for range 100 {
			if _, _, err := far.session.Subscribe(1, router.Subscription{Patterns: []string{"#"}}); err != nil {
				t.Error(err)
			}
			far.session.Unsubscribe(1)
		}
		if n := b.Draining(); n != 0 {
			t.Errorf("%d are remembered", n)
		}
	})
	for range 10 {
		s := subscribe(t, c, router.Subscription{Patterns: []string{"#"}})
		publish(t, c, "a", "x")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	on(func() {
		if n := b.Draining(); n != 0 {
			t.Errorf("%d of an in-process client are remembered", n)
		}
	})
	if s := stats(t, b); s.Matched != 10 || s.Dropped != 10 {
		t.Errorf("matched %d, dropped %d", s.Matched, s.Dropped)
	}
}
