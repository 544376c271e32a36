package ipc_test

import (
	"context"
	"errors"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestAShutdownSendsWhatAWindowHeldBack has a subscriber that takes nothing, with a queue
// that is half in its client and half in the broker. A broker that shuts down sends it
// all, and says goodbye behind it.
func TestAShutdownSendsWhatAWindowHeldBack(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	c := s.dial(t, ipc.ClientOptions{NoReconnect: true})
	sub := subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}, Queue: 8})
	pub := s.dial(t, ipc.ClientOptions{})
	out := publisher(t, pub, "events.a")
	for range 8 {
		if err := out.Publish([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, pub)
	s.stop(t)
	n := 0
	for m := range sub.Messages(context.Background()) {
		if m.Gap == nil {
			n++
		}
	}
	var goodbye *frame.Fault
	if err := sub.Err(); n != 8 || !errors.As(err, &goodbye) || goodbye.Code != frame.CodeShutdown {
		t.Errorf("%d messages, and %v: want 8 and the goodbye of a broker that shuts down", n, err)
	}
}
